"""What would a policy be worth, judged from a log of what others chose?

Five estimates of the mean outcome if the policy had chosen, each with a person-clustered interval
and the effective number of rows behind it:

- IPS: outcomes weighted by policy over logged propensity (Horvitz and Thompson 1952);
- SNIPS: the same, with weights that sum to one (Hajek 1971; Swaminathan and Joachims 2015);
- DM: the outcome model's predictions alone; its interval does not know the model's own error;
- DR: the model, corrected by weighted residuals (Dudik, Langford and Li 2011);
- SWITCH_DR: DR without the residuals whose weight is above a threshold chosen by estimated mean
  squared error (Wang, Agarwal and Dudik 2017).

A log can be too thin for a policy that differs much from it. Then the result says so: its
`flags` name what is wrong and `conclusive` is False; all numbers are shown and none should be used.
"""

import math
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import scipy.stats

from catalogue.errors import UsageError
from training import frames
from training.frames import Floats, Ints

METHODS: Final = ("IPS", "SNIPS", "DM", "DR", "SWITCH_DR")
LEAST_EFFECTIVE: Final = 100.0
"""Effective rows under which nothing is concluded."""
EXTREME_SHARE: Final = 0.05
"""A single row that carries more than this share of all weight is extreme."""
SWITCH_QUANTILES: Final = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)


class Limitation(StrEnum):
    """What limits a policy's estimated value."""

    FEW_EFFECTIVE_ROWS = "FEW_EFFECTIVE_ROWS"
    EXTREME_WEIGHTS = "EXTREME_WEIGHTS"
    CHOICES_NEVER_LOGGED = "CHOICES_NEVER_LOGGED"
    NO_OUTCOME_MODEL = "NO_OUTCOME_MODEL"
    OUTCOMES_MISSING = "OUTCOMES_MISSING"


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueEstimate:
    """One method's estimate of the policy's mean outcome, its interval and effective rows."""

    method: str
    value: float
    lower: float
    upper: float
    effective_sample_size: float

    @property
    def interval(self) -> tuple[float, float]:
        """(lower, upper)."""
        return self.lower, self.upper


@dataclass(frozen=True, kw_only=True)
class PolicyValue(Mapping[str, ValueEstimate]):
    """The five estimates by method, and whether anything may be concluded from them.

    `status_quo` is the logged mean outcome with its interval; `switch_at` the weight above which
    SWITCH_DR trusts the model alone.
    """

    estimates: Mapping[str, ValueEstimate]
    status_quo: ValueEstimate
    effective_sample_size: float
    floor: float
    rows: int
    level: float
    switch_at: float
    flags: tuple[Limitation, ...]

    @property
    def conclusive(self) -> bool:
        """False where the effective sample is under the floor."""
        return Limitation.FEW_EFFECTIVE_ROWS not in self.flags

    def __getitem__(self, method: str) -> ValueEstimate:
        return self.estimates[method.upper().replace("-", "_")]

    def __iter__(self) -> Iterator[str]:
        return iter(self.estimates)

    def __len__(self) -> int:
        return len(self.estimates)

    def to_dict(self) -> dict[str, Any]:
        """For JSON: numbers that are not defined are null."""
        return {
            "estimates": {name: _as_dict(estimate) for name, estimate in self.estimates.items()},
            "status_quo": _as_dict(self.status_quo),
            "effective_sample_size": self.effective_sample_size,
            "floor": self.floor,
            "rows": self.rows,
            "level": self.level,
            "switch_at": self.switch_at,
            "conclusive": self.conclusive,
            "flags": [flag.value for flag in self.flags],
        }


def _as_dict(estimate: ValueEstimate) -> dict[str, float | str | None]:
    figures = {name: getattr(estimate, name) for name in ("value", "lower", "upper", "effective_sample_size")}
    return {name: number if math.isfinite(number) else None for name, number in figures.items()}


def evaluate(  # noqa: PLR0917  the first six are a declared entry point, in this order
    outcome: object,
    arm: object,
    propensity: object,
    policy: object,
    outcome_model: object | None = None,
    groups: object | None = None,
    *,
    weight: object | None = None,
    level: float = 0.95,
    floor: float = LEAST_EFFECTIVE,
    cap: float | None = None,
) -> PolicyValue:
    """The policy's mean outcome by five methods, with person-clustered intervals.

    `outcome` and `arm` have one value a row. `propensity` is the chance of the logged arm [rows],
    or of every arm: a frame or mapping by arm, or a matrix with the arms sorted by name. `policy` is
    one arm a row, or the chance of every arm in the same forms; so is `outcome_model`, the
    expected outcome under every arm (None: the weighted mean of each arm, flagged). `groups`
    names the person of each row; `weight` is 1 / chance that the outcome was recorded (rows
    with a NaN outcome count for nothing but the model's predictions). `cap` cuts weights off.
    """
    observed = np.asarray(outcome.to_numpy() if hasattr(outcome, "to_numpy") else outcome)
    n = len(observed)
    values = frames.numbers(observed, name="outcome", length=n)
    log = _log(arm, propensity, policy, length=n)
    ratio = np.divide(log.chosen, log.chance, out=np.zeros(n), where=log.chance > 0)
    if cap is not None:
        ratio = np.minimum(ratio, cap)
    seen = ~np.isnan(values)
    recorded = _recorded(weight, seen)
    values = np.where(seen, values, 0.0)
    weights = ratio * recorded
    if outcome_model is None:
        expected = _arm_means(values, log, recorded)
    else:
        expected = frames.by_arm(
            outcome_model, name="outcome_model", length=n, arms=log.arms, reference=None, default=math.nan
        )
    persons = np.arange(n) if groups is None else frames.codes(groups, name="groups", length=n)[0]
    clustered = _Clusters(groups=persons, z=float(scipy.stats.norm.ppf(0.5 + level / 2)))
    direct = (log.policy * expected).sum(axis=1)
    residual = values - expected[np.arange(n), log.arm]
    switch_at, switched = _switch(direct, weights, residual)
    effective = _effective(weights)
    estimates = {
        "IPS": clustered.mean("IPS", weights * values, effective),
        "SNIPS": clustered.ratio("SNIPS", weights, values, effective),
        "DM": clustered.mean("DM", direct, float(n)),
        "DR": clustered.mean("DR", direct + weights * residual, effective),
        "SWITCH_DR": clustered.mean("SWITCH_DR", direct + switched * residual, _effective(switched)),
    }
    raised = {
        Limitation.FEW_EFFECTIVE_ROWS: effective < floor,
        Limitation.EXTREME_WEIGHTS: weights.sum() > 0 and weights.max() / weights.sum() > EXTREME_SHARE,
        Limitation.CHOICES_NEVER_LOGGED: log.unlogged,
        Limitation.NO_OUTCOME_MODEL: outcome_model is None,
        Limitation.OUTCOMES_MISSING: not seen.all(),
    }
    return PolicyValue(
        estimates=estimates,
        status_quo=clustered.ratio("STATUS_QUO", recorded, values, _effective(recorded)),
        effective_sample_size=effective,
        floor=floor,
        rows=n,
        level=level,
        switch_at=switch_at,
        flags=tuple(flag for flag, holds in raised.items() if holds),
    )


@dataclass(frozen=True, kw_only=True)
class _Log:
    """The log in numbers: `chance` of the logged arm, `chosen` the policy's chance of it."""

    arms: list[Hashable]
    arm: Ints
    chance: Floats
    policy: Floats
    chosen: Floats
    unlogged: bool


def _log(arm: object, propensity: object, policy: object, *, length: int) -> _Log:
    codes, logged = frames.codes(arm, name="arm", length=length)
    named = logged
    raw = policy.to_numpy() if hasattr(policy, "to_numpy") and not hasattr(policy, "columns") else policy
    one_each = not isinstance(raw, Mapping) and not hasattr(raw, "columns") and np.ndim(np.asarray(raw)) == 1
    if one_each:
        chosen_codes, chosen_names = frames.codes(raw, name="policy", length=length)
        named = sorted({*logged, *chosen_names}, key=str)
        policy_matrix = np.zeros((length, len(named)))
        policy_matrix[np.arange(length), np.array([named.index(a) for a in chosen_names])[chosen_codes]] = 1.0
    else:
        named = _names(raw, logged)
        policy_matrix = frames.by_arm(
            raw, name="policy", length=length, arms=named, reference=None, default=0.0
        )
        if (policy_matrix < 0).any() or not np.allclose(policy_matrix.sum(axis=1), 1.0, atol=1e-6):
            raise UsageError("The policy's chances must be at least 0 and sum to 1 in every row.")
    codes = np.array([named.index(a) for a in logged])[codes]
    chance, unlogged = _chances(propensity, codes, policy_matrix, named=named, logged=logged)
    rows = np.arange(length)
    return _Log(
        arms=named,
        arm=codes,
        chance=chance,
        policy=policy_matrix,
        chosen=policy_matrix[rows, codes],
        unlogged=unlogged,
    )


def _names(raw: object, logged: list[Hashable]) -> list[Hashable]:
    """The arms of a policy matrix: those of its columns where it has names, else the logged ones."""
    if isinstance(raw, Mapping) or hasattr(raw, "columns"):
        columns = list(raw) if isinstance(raw, Mapping) else list(raw.columns)
        known = {str(name): name for name in logged}
        return sorted({known.get(str(c), c) for c in columns} | set(logged), key=str)
    return logged


def _chances(
    propensity: object, codes: Ints, policy: Floats, *, named: list[Hashable], logged: list[Hashable]
) -> tuple[Floats, bool]:
    """The chance of each logged arm, and whether the policy chooses what could never be logged."""
    n = len(codes)
    raw = (
        propensity.to_numpy()
        if hasattr(propensity, "to_numpy") and not hasattr(propensity, "columns")
        else propensity
    )
    never = np.array([name not in logged for name in named])
    unlogged = bool(policy[:, never].any())
    if not isinstance(raw, Mapping) and not hasattr(raw, "columns") and np.ndim(np.asarray(raw)) == 1:
        chance = frames.numbers(raw, name="propensity", length=n)
    else:
        arms = named if not isinstance(raw, np.ndarray | list) or np.shape(raw)[1] == len(named) else logged
        matrix = frames.by_arm(raw, name="propensity", length=n, arms=arms, reference=None, default=0.0)
        places = np.array([list(arms).index(name) if name in arms else -1 for name in named])
        full = np.where(places >= 0, matrix[:, places], 0.0)
        chance = full[np.arange(n), codes]
        unlogged = bool((policy[full <= 0] > 0).any())
    if np.isnan(chance).any() or (chance <= 0).any() or (chance > 1 + 1e-9).any():
        raise UsageError("The propensity of a logged arm must be above 0 and at most 1 in every row.")
    return chance, unlogged


def _recorded(weight: object | None, seen: npt.NDArray[np.bool_]) -> Floats:
    """Weights for missing outcomes, with mean one, so that they change no average by themselves."""
    if not seen.any():
        raise UsageError("No outcome is recorded; a policy cannot be valued.")
    given = np.ones(len(seen)) if weight is None else frames.numbers(weight, name="weight", length=len(seen))
    given = np.where(seen, given, 0.0)
    if np.isnan(given).any() or (given < 0).any() or given.sum() <= 0:
        raise UsageError(
            "The weights of recorded outcomes must be numbers of at least 0, some of them above."
        )
    return np.asarray(given * len(seen) / given.sum())


def _arm_means(values: Floats, log: _Log, recorded: Floats) -> Floats:
    """The plainest outcome model: each arm's mean, weighted by 1 / propensity."""
    weight = recorded / log.chance
    arms = len(log.arms)
    total = np.bincount(log.arm, weights=weight, minlength=arms)
    sums = np.bincount(log.arm, weights=weight * values, minlength=arms)
    overall = float(np.average(values, weights=recorded))
    means = np.divide(sums, total, out=np.full(arms, overall), where=total > 0)
    return np.broadcast_to(means, (len(values), arms))


def _effective(weights: Floats) -> float:
    """Kish's effective sample size: how many equally weighted rows say as much."""
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0


def _switch(direct: Floats, weights: Floats, residual: Floats) -> tuple[float, Floats]:
    """The weights kept below the threshold with the least estimated mean squared error.

    The bias of leaving large weights out is bounded by the residuals they would have carried.
    """
    positive = weights[weights > 0]
    if not len(positive):
        return 0.0, weights
    best, chosen = math.inf, float(positive.max())
    for at in np.unique(np.quantile(positive, SWITCH_QUANTILES)):
        kept = np.where(weights <= at, weights, 0.0)
        variance = float((direct + kept * residual).var()) / len(direct)
        bias = float(((weights - kept) * np.abs(residual)).mean())
        if variance + bias**2 < best:
            best, chosen = variance + bias**2, float(at)
    return chosen, np.where(weights <= chosen, weights, 0.0)


@dataclass(frozen=True, kw_only=True)
class _Clusters:
    """Means whose variance counts persons, not rows."""

    groups: Ints
    z: float

    def _half(self, influence: Floats) -> float:
        sums = np.bincount(self.groups, weights=influence)
        persons = len(np.unique(self.groups))
        correction = persons / max(persons - 1, 1)
        return self.z * float(np.sqrt((sums**2).sum() * correction)) / len(influence)

    def mean(self, method: str, values: Floats, effective: float) -> ValueEstimate:
        """A plain mean."""
        value = float(values.mean())
        half = self._half(values - value)
        return ValueEstimate(
            method=method,
            value=value,
            lower=value - half,
            upper=value + half,
            effective_sample_size=effective,
        )

    def ratio(self, method: str, weights: Floats, values: Floats, effective: float) -> ValueEstimate:
        """A weighted mean, by the delta method; not defined without weight."""
        total = float(weights.mean())
        if total <= 0:
            nothing = math.nan
            return ValueEstimate(
                method=method, value=nothing, lower=nothing, upper=nothing, effective_sample_size=0.0
            )
        value = float((weights * values).mean()) / total
        half = self._half(weights * (values - value) / total)
        return ValueEstimate(
            method=method,
            value=value,
            lower=value - half,
            upper=value + half,
            effective_sample_size=effective,
        )


LEAST_ROOM: Final = 1e-6
"""A smaller gap between usual practice and the best is rounding, not something to capture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueValue:
    """In a world whose truth is known: mean outcome of the policy, of usual practice, of the best."""

    policy: float
    status_quo: float
    best: float

    @property
    def captured(self) -> float | None:
        """The share of the way from usual practice to the best eligible choice; None if there is none."""
        room = self.best - self.status_quo
        return (self.policy - self.status_quo) / room if room > LEAST_ROOM else None


def value_captured(
    *, mean: object, eligible: object, propensity: object, policy: object, arms: Sequence[Hashable]
) -> TrueValue:
    """How far the policy gets from usual practice to the best eligible choice, by the truth.

    `mean`, `eligible` and `propensity` give a column for each of `arms` (frame or mapping by arm, or
    a matrix with the arms sorted by name); `policy` one arm a row, or chances in the same
    forms. A choice of an arm that is not eligible is a UsageError: the policy must respect the rules.
    """
    ordered = sorted(arms, key=str)
    given = policy.to_numpy() if hasattr(policy, "to_numpy") and not hasattr(policy, "columns") else policy
    n = frames.read(mean).length
    settings: dict[str, Any] = {"length": n, "arms": ordered, "reference": None, "default": 0.0}
    means = frames.by_arm(mean, name="mean", **settings)
    allowed = frames.by_arm(eligible, name="eligible", **settings) > 0
    usual = frames.by_arm(propensity, name="propensity", **settings)
    if not isinstance(given, Mapping) and not hasattr(given, "columns") and np.ndim(np.asarray(given)) == 1:
        chosen_codes, names = frames.codes(given, name="policy", length=n)
        strange = [name for name in names if name not in ordered]
        if strange:
            raise UsageError(f"The policy chooses {strange[0]}, which is not an arm of this world.")
        chances = np.zeros((n, len(ordered)))
        chances[np.arange(n), np.array([ordered.index(name) for name in names])[chosen_codes]] = 1.0
    else:
        chances = frames.by_arm(given, name="policy", **settings)
    if (chances[~allowed] > 0).any():
        raise UsageError("The policy chooses an arm for somebody who is not eligible for it; mask it first.")
    return TrueValue(
        policy=float((chances * means).sum(axis=1).mean()),
        status_quo=float((usual * means).sum(axis=1).mean()),
        best=float(np.where(allowed, means, -np.inf).max(axis=1).mean()),
    )


@dataclass(frozen=True, kw_only=True)
class TrueOutcomes:
    """A world's truth as matrices [decision points, arms]; `keys` has crn and decided_on, in row order."""

    keys: pl.DataFrame
    arms: tuple[str, ...]
    mean: Floats
    eligible: npt.NDArray[np.bool_]
    propensity: Floats


def read_truth(potential_outcomes: pl.DataFrame, *, outcome: str = "p_progress") -> TrueOutcomes:
    """Lay `truth/potential_outcomes` (long) out as matrices; absent pairs are not eligible."""
    arms = potential_outcomes["intervention_id"].cast(pl.String).unique().sort().to_list()
    keys = potential_outcomes.select("crn", "decided_on").unique().sort("crn", "decided_on")
    rows = (
        potential_outcomes.select("crn", "decided_on")
        .join(keys.with_row_index("row"), on=["crn", "decided_on"], how="left", maintain_order="left")["row"]
        .to_numpy()
    )
    columns = (
        potential_outcomes["intervention_id"]
        .cast(pl.String)
        .replace_strict(arms, list(range(len(arms))), return_dtype=pl.Int64)
        .to_numpy()
    )

    def wide(name: str) -> Floats:
        out = np.zeros((keys.height, len(arms)))
        out[rows, columns] = potential_outcomes[name].cast(pl.Float64).fill_null(0.0).to_numpy()
        return out

    return TrueOutcomes(
        keys=keys,
        arms=tuple(arms),
        mean=wide(outcome),
        eligible=wide("eligible") > 0,
        propensity=wide("propensity"),
    )
