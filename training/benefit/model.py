"""How much does each intervention change the outcome, for whom, against supervision as usual?

The method, in the order in which `BenefitModel.fit` takes its steps:

1. Nuisances, cross-fitted by person with the block of time as a covariate: the outcome expected
   under usual practice, the calibrated chance of every eligible arm, and the chance that an
   outcome was recorded at all (its inverse weighs the rows).
2. Effects by regressing what happened beyond expectation on what was chosen beyond expectation (Robinson
   1988; Nie and Wager 2021, Biometrika 108, for one treatment): orthogonal to first-order errors of both
   nuisances, and efficient where an arm is rare. Every arm has an average, an added part for people who have
   a need it is meant for, and a smooth dependence on a short list of binned modifiers, partially pooled from
   the individual to the arm, its family and all arms (`training.benefit.final`, `training.benefit.pooling`).
3. Doubly robust scores from these parts, for average and group effects
   as well as the individual ones, and for the value of policies (`training.policy_value`).
4. A scorecard an arm with the posterior covariance of its coefficients, served by numpy alone
   (`scoring.effects.EffectModel`).
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats
import threadpoolctl  # type: ignore[import-untyped]  # it ships no types
from sklearn.base import BaseEstimator

from scoring.effects import SUPPORTS, EffectArrays, EffectModel, Modifier
from training import frames
from training.benefit import nuisance
from training.benefit.data import Data, known_chances, read_data
from training.benefit.final import FinalStage, fit_final
from training.benefit.groups import RATE, differences
from training.benefit.moderation import SHARED_BY
from training.benefit.modifiers import choose_modifiers
from training.benefit.serve import effect_model, training_rows
from training.frames import Floats, FrameColumns, Ints

MOST_COEFFICIENTS: Final = 1600
"""Arms times functions that are solved for at once: about 0.4 s and 20 MB a pass."""
MORE_COEFFICIENTS: Final = 2400
"""The same from `MANY_ROWS` rows on, which can tell more apart."""
MANY_ROWS: Final = 40_000
EVIDENCE_ROWS: Final = 20_000
"""About how many rows the worth of the whole policy is worked out on."""
EVIDENCE: Final = 0.95
"""How sure it must be that the policy beats supervision as usual, on
average, before it acts on estimates that are not clear for the single person."""

ChoiceRule = Literal["policy", "lower_bound", "effect"]


class BenefitModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Effects of 2 to 60 arms against a reference, bounded, pooled, and served as scorecards.

    `reference` is the arm of supervision as usual; `min_support` the number of similar past people from which
    an effect counts as SUPPORTED (a third of it: THIN); `families` maps arms to families within which they
    are pooled, or to several from the widest (a kind) to the narrowest; `targets` maps them to the features
    (needs) that they are meant for, whose common effect is learned over all arms, and `thresholds` features
    to the score from which they are a need (without one, a higher score is a greater need). `modifiers` names
    the features that effects may depend on; None takes up to `max_modifiers`: risk, motivation and needs
    under our features' names and what arms are meant for, then those with the strongest sign of changing
    effects. `level` is that of the intervals, `threads` the most that a fit uses. The same data and
    `random_state` give the same model.
    """

    def __init__(
        self,
        reference: Hashable = "NONE",
        min_support: float = 30.0,
        *,
        families: Mapping[Any, str | Sequence[str]] | None = None,
        targets: Mapping[Any, Sequence[str]] | None = None,
        thresholds: Mapping[str, float] | None = None,
        modifiers: Sequence[str] | None = None,
        max_modifiers: int = 15,
        level: float = 0.90,
        folds: int = 5,
        threads: int = 2,
        random_state: int = 0,
        progress: Callable[[str], None] | None = None,
    ) -> None:
        self.reference = reference
        self.min_support = min_support
        self.families = families
        self.targets = targets
        self.thresholds = thresholds
        self.modifiers = modifiers
        self.max_modifiers = max_modifiers
        self.level = level
        self.folds = folds
        self.threads = threads
        self.random_state = random_state
        self.progress = progress

    def fit(
        self,
        X: object,
        arm: object,
        outcome: object,
        *,
        groups: object | None = None,
        time: object | None = None,
        eligible: object | None = None,
        propensity: object | None = None,
        always_recorded: object | None = None,
    ) -> Self:
        """Learn the effects from what was done and the outcomes.

        `X` is any data frame (numbers, yes/no, texts, missing values), `arm` and `outcome` have one
        value a row (outcome 0/1 or a number; NaN where it was not recorded). `groups` names the
        person of each row, `time` anything sortable. `eligible` and `propensity` give a column
        for each arm: a frame or mapping by arm, or a matrix with the arms sorted by name. A
        vector `propensity` is, with two arms, the chance of the one that is not the reference, and
        with more that of the arm received. `always_recorded` marks rows whose outcome would be
        known even if the person was never seen again. Raises UsageError for input that does not fit.
        """
        table = frames.read(X)
        data = read_data(
            table,
            reference=self.reference,
            modifiers=self.modifiers,
            folds=self.folds,
            seed=self.random_state,
            arm=arm,
            outcome=outcome,
            groups=groups,
            time=time,
            eligible=eligible,
            always=always_recorded,
        )
        with threadpoolctl.threadpool_limits(self.threads):
            return self._fit(table, data, propensity)

    def _fit(self, table: FrameColumns, data: Data, propensity: object | None) -> Self:
        say = self.progress or (lambda _message: None)
        features = nuisance.features(table, data.time)
        shared = {"threads": self.threads, "seed": self.random_state}
        weight = nuisance.observation_weights(features, data.seen, data.arm, data.always, data.fold, **shared)
        say("outcome model")
        expected = nuisance.outcome_model(features, data.outcome, weight, data.fold, **shared)
        if propensity is None:
            chances = nuisance.propensities(
                features, data.arm, data.eligible, data.fold, **shared, say=say, reference=data.reference
            )
        else:
            chances = known_chances(propensity, data)
        openness = (np.arange(len(data.arms)) == data.arm[:, None]) - chances.astype(np.float64)
        openness = np.delete(openness, data.reference, axis=1)
        residual = np.where(weight > 0, data.outcome - expected, 0.0)
        say("effects")
        targets = {str(label): tuple(names) for label, names in (self.targets or {}).items()}
        stage = fit_final(
            data,
            table,
            modifiers=self._modifiers(table, residual=weight * residual, openness=openness),
            families=self._families(data),
            targets=targets,
            residual=residual,
            openness=openness,
            weight=weight,
            say=say,
        )
        self.inflation_ = stage.inflation
        self.rows_ = training_rows(data, stage, chances=chances, expected=expected, weight=weight)
        self.arms_ = tuple(label for label in data.arms if label != self.reference)
        self.n_features_in_ = len(table.names)
        self.feature_names_in_ = np.array(table.names, dtype=object)
        self.model_ = effect_model(
            data,
            stage,
            self.rows_,
            families=[names[-1] for names in self._family_names(data)],
            openness=openness,
            level=self.level,
            z=float(scipy.stats.norm.ppf(0.5 + self.level / 2)),
            min_support=self.min_support,
        )
        self.model_.report["evidence"] = self._evidence(table, data, stage)
        return self

    def _evidence(self, table: FrameColumns, data: Data, stage: FinalStage) -> dict[str, float]:
        """What is expected of the whole policy, on average over people, and its lower bound."""
        some = np.arange(0, table.length, max(table.length // EVIDENCE_ROWS, 1))
        found = self.model_.effects(table.take(some).columns)
        eligible = np.delete(data.eligible[some], data.reference, axis=1)
        chosen = _best(found, eligible, least=None)
        weights: Floats = np.zeros(stage.pooled.mean.shape)
        for place in range(weights.shape[1]):
            here = some[chosen == place]
            weights[: stage.design.shape[1], place] = stage.design[here].sum(axis=0)
            if stage.met is not None:
                weights[-1, place] = stage.met[here, place].sum(dtype=np.float64)
        count = max(int((chosen >= 0).sum()), 1)
        effect, error = stage.pooled.mean_of(weights / count)
        z = float(scipy.stats.norm.ppf(EVIDENCE))
        return {"effect": effect, "lower": effect - z * error, "suggested": count / len(some)}

    def _modifiers(self, table: FrameColumns, *, residual: Floats, openness: Floats) -> tuple[Modifier, ...]:
        most = MORE_COEFFICIENTS if table.length >= MANY_ROWS else MOST_COEFFICIENTS
        return choose_modifiers(
            table,
            names=table.names if self.modifiers is None else tuple(self.modifiers),
            first={name for names in (self.targets or {}).values() for name in names},
            finer=SHARED_BY,
            thresholds=self.thresholds or {},
            most=self.max_modifiers,
            functions=max(most // openness.shape[1] - 1, 0),
            residual=residual,
            openness=openness,
        )

    def _family_names(self, data: Data) -> list[tuple[str, ...]]:
        """The families of each arm, from the widest to the narrowest; one that is not mapped is its own."""
        given = {
            str(label): (family,) if isinstance(family, str) else tuple(family)
            for label, family in (self.families or {}).items()
        }
        levels = max((len(family) for family in given.values()), default=1)
        found = [given.get(str(label), (str(label),)) for label in data.others]
        return [
            family + (str(label),) * (levels - len(family))
            for family, label in zip(found, data.others, strict=True)
        ]

    def _families(self, data: Data) -> list[Ints]:
        """For each level the family of each arm; within families that share a name only if the wider ones do."""
        if not self.families:
            return [np.zeros(len(data.others), dtype=np.int64)]
        names = self._family_names(data)
        levels = range(1, len(names[0]) + 1)
        return [
            np.unique(["\n".join(name[:level]) for name in names], return_inverse=True)[1].astype(np.int64)
            for level in levels
        ]

    def effects(self, X: object) -> pd.DataFrame:
        """Every arm's effect for every row: columns (arm, figure), figures effect, lower, upper, support.

        `model.effects(X)["tsp"]["lower"]` is one arm's lower bounds. The index is that of `X` where
        it is a pandas frame.
        """
        found = self.model_.effects(frames.read(X).columns)
        names = np.array(SUPPORTS, dtype=object)
        columns: dict[tuple[Hashable, str], object] = {}
        for place, label in enumerate(self.arms_):
            columns[label, "effect"] = found.effect[:, place]
            columns[label, "lower"] = found.lower[:, place]
            columns[label, "upper"] = found.upper[:, place]
            columns[label, "support"] = names[found.support[:, place]]
        index = X.index if isinstance(X, pd.DataFrame) else None
        frame = pd.DataFrame(columns, index=index)
        frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["arm", "figure"])
        return frame

    def recommend(
        self, X: object, eligible: object | None = None, *, rule: ChoiceRule = "policy"
    ) -> npt.NDArray[Any]:
        """The arm to suggest to each row, or the reference: [rows].

        Always among the eligible arms with enough similar people, and with an estimate above zero. By
        "policy", the one with the highest lower bound, where that is above zero or where the fit as a whole
        shows that choosing so helps (`report["evidence"]`); else the reference (decision 0607). By
        "lower_bound", the one with the highest lower bound above zero only; by "effect", the one with the
        highest estimate.
        """
        table = frames.read(X)
        found = self.model_.effects(table.columns)
        labels = [self.reference, *self.arms_]
        allowed = np.ones(found.effect.shape, dtype=bool)
        if eligible is not None:
            arms = sorted(labels, key=str)
            given = frames.by_arm(
                eligible,
                name="eligible",
                length=table.length,
                arms=arms,
                reference=self.reference,
                default=1.0,
            )
            allowed = given[:, [arms.index(label) for label in self.arms_]] > 0
        if rule == "effect":
            chosen = _best(found, allowed, least=None, figure=found.effect)
        else:
            sure = rule == "policy" and self.model_.report["evidence"]["lower"] > 0
            chosen = _best(found, allowed, least=None if sure else 0.0)
        same = {type(label) for label in labels}
        kind = object if len(same) > 1 or same == {str} else None
        return np.asarray(np.array(labels, dtype=kind)[chosen + 1])

    def average_effects(self, by: object | None = None) -> pd.DataFrame:
        """Average effect of each arm over the training rows, or over each group of them in `by`.

        One row an arm and group: `n` eligible rows, and the doubly robust `effect`, `lower` and
        `upper` among them, clustered by person; not a number where fewer than 20 of them had the
        arm and an outcome. It does not pool, so its intervals are wide where the individual
        effects' borrow from other arms.
        """
        rows = self.rows_
        n = len(rows.arm)
        codes, values = (np.zeros(n, dtype=np.int64), ["all"])
        if by is not None:
            found, names = frames.codes(by, name="by", length=n)
            codes, values = found, [str(name) for name in names]
        out = []
        for place, name in enumerate(rows.arms):
            for code, value in enumerate(values):
                if place == rows.reference:
                    continue
                here = codes == code
                effect, lower, upper = rows.average(place, here, z=self.model_.z)
                count = int((here & rows.eligible[:, place]).sum())
                out.append((name, value, count, effect, lower, upper))
        return pd.DataFrame(out, columns=["arm", "group", "n", "effect", "lower", "upper"])

    def effect_differences(self, by: object, *, rate: float = RATE) -> pd.DataFrame:
        """Differences in effect between groups of the training rows that the facts do not explain.

        `reported` marks those that stand at the false discovery `rate` (`training.benefit.groups`).
        """
        return differences(self.rows_, by, rate=rate)

    def to_effect_model(self) -> EffectModel:
        """What the release bundle holds (benefit.json)."""
        return self.model_


def _best(
    found: EffectArrays,
    eligible: npt.NDArray[np.bool_],
    *,
    least: float | None,
    figure: Floats | None = None,
) -> Ints:
    """The arm of each row with the highest `figure` (None: lower bound) above `least`; -1 where there is none.

    Among those that are eligible, have enough similar people, and an estimate above zero.
    """
    figure = found.lower if figure is None else figure
    may = eligible & (found.support < SUPPORTS.index("NONE")) & (found.effect > 0)
    if least is not None:
        may &= figure > least
    best = np.where(may, figure, -np.inf).argmax(axis=1)
    return np.where(may.any(axis=1), best, -1)
