"""What would following a policy have been worth, judged from what practitioners did?

The log is the decision points of some histories. The chance of each logged choice, the expected outcome, and
the chance that an outcome was recorded are estimated with the same cross-fitted nuisances as the effects.
`training.policy_value` does the sums and says when they are not to be trusted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from scoring.effects import EffectModel
from training import frames
from training.benefit import nuisance
from training.benefit.effects import DecisionRows
from training.policy_value import PolicyValue, evaluate

FOLDS = 3


def _silent(_step: str) -> None:
    """The nuisances report their steps; here nothing is shown."""


@dataclass(frozen=True, kw_only=True)
class Nuisances:
    """What every policy's value needs of one log: the arms in it, their chances, weights, the usual outcome."""

    arms: tuple[str, ...]
    chance: frames.Floats
    weight: frames.Floats
    usual: frames.Floats


def nuisances_of(rows: DecisionRows, *, threads: int = 2, seed: int = 0) -> Nuisances:
    """Estimate, cross-fitted by person, the chances of each choice and of a recorded outcome, and the usual outcome."""
    points = rows.points
    table = frames.read(rows.features)
    arm, arms = frames.codes(points["arm"].to_numpy(), name="arm", length=points.height)
    person, _ = frames.codes(points["crn"].to_numpy(), name="crn", length=points.height)
    fold = nuisance.person_folds(person.astype(np.int64), folds=FOLDS, seed=seed)
    time = nuisance.time_blocks(points["decided_on"].to_physical().to_numpy())
    x = nuisance.features(table, time)
    eligible = np.stack([rows.eligible[str(name)].to_numpy() for name in arms], axis=1)
    eligible[np.arange(points.height), arm] = True
    outcome = points["progressed"].cast(float).fill_null(float("nan")).to_numpy()
    seen = ~np.isnan(outcome)
    always = points["reoffended"].fill_null(value=False).to_numpy() & seen
    settings = {"threads": threads, "seed": seed}
    weight = nuisance.observation_weights(x, seen, arm, always, fold, **settings)
    usual = nuisance.outcome_model(x, np.where(seen, outcome, 0.0), weight, fold, **settings)
    chance = nuisance.propensities(x, arm, eligible, fold, say=_silent, **settings)
    return Nuisances(
        arms=tuple(str(name) for name in arms),
        chance=chance.astype(np.float64),
        weight=np.where(seen, weight, np.nan),
        usual=usual,
    )


def value_of(
    rows: DecisionRows,
    policy: Sequence[str | None],
    *,
    effects: EffectModel,
    nuisances: Nuisances | None = None,
    threads: int = 2,
    seed: int = 0,
) -> PolicyValue:
    """What chance of progress would the policy give? By five methods, with intervals by person.

    Args:
        rows: decision points with features, what was done, the outcome, and who could have had what.
        policy: one arm a row, `NONE` for supervision as usual; None where practice is left as it was, which
            is a chance of each arm and not the one that happened to be taken.
        effects: the effect model whose differences between arms the outcome model takes over.
        nuisances: those of the same rows, where several policies are valued; else they are estimated.
        threads: threads of the nuisance models.
        seed: seed of the folds and of the nuisance models.

    Returns:
        The five estimates, with the effective sample size and what limits them.
    """
    points = rows.points
    known = nuisances or nuisances_of(rows, threads=threads, seed=seed)
    # Arms that the policy chooses and nobody was ever given get a column too: their chance in the log is zero.
    names = [*known.arms, *sorted({name for name in policy if name is not None} - set(known.arms))]
    chance = np.zeros((points.height, len(names)))
    chance[:, : len(known.arms)] = known.chance
    difference = _differences(rows, effects, names)
    expected = known.usual[:, None] - (chance * difference).sum(axis=1, keepdims=True) + difference
    return evaluate(
        points["progressed"].cast(float).fill_null(float("nan")).to_numpy(),
        points["arm"].to_numpy(),
        _by_arm(names, chance),
        _by_arm(names, _chances(policy, names, chance)),
        _by_arm(names, expected),
        points["crn"].to_numpy(),
        weight=known.weight,
    )


def _chances(policy: Sequence[str | None], names: Sequence[str], usual: frames.Floats) -> frames.Floats:
    """The policy's chance of each arm: one for the arm it chooses, and practice's own where it leaves that."""
    place = {name: column for column, name in enumerate(names)}
    chances: frames.Floats = usual / usual.sum(axis=1, keepdims=True)
    for row, name in enumerate(policy):
        if name is not None:
            chances[row] = 0.0
            chances[row, place[name]] = 1.0
    return chances


def _by_arm(names: Sequence[str], values: frames.Floats) -> dict[str, frames.Floats]:
    return {name: values[:, column] for column, name in enumerate(names)}


def _differences(rows: DecisionRows, effects: EffectModel, names: Sequence[str]) -> frames.Floats:
    """The effect of each logged arm against supervision as usual, [rows, arms]; 0 for that itself."""
    found = effects.effects(rows.features)
    place = {name: column for column, name in enumerate(found.arms)}
    difference = np.zeros((rows.points.height, len(names)))
    for column, name in enumerate(names):
        if name in place:
            difference[:, column] = found.effect[:, place[name]]
    return difference
