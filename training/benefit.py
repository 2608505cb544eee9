"""How much does each intervention change the outcome, for whom, against supervision as usual?

The method, in the order in which `BenefitModel.fit` takes its steps:

1. Nuisances, cross-fitted by person with the block of time as a covariate: the outcome expected
   under usual practice, the calibrated chance of every eligible arm, and the chance that an
   outcome was recorded at all (its inverse weighs the rows).
2. Effects by regressing what happened beyond expectation on what was chosen beyond expectation
   (Robinson 1988; Nie and Wager 2021, Biometrika 108, for one treatment): orthogonal to
   first-order errors of both nuisances, and efficient where an arm is rare. Every arm has an
   average and a smooth dependence on a short list of binned modifiers, partially pooled from the
   individual to the arm, its family and all arms (`training.benefit_pooling`).
3. Doubly robust scores from these parts, for average and group effects beside the individual
   ones, and for the value of policies (`training.policy_value`).
4. A scorecard an arm with the posterior covariance of its coefficients, served by numpy alone
   (`scoring.effects.EffectModel`).
"""

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy.stats
import threadpoolctl  # type: ignore[import-untyped]  # it ships no types
from sklearn.base import BaseEstimator

from catalogue.errors import UsageError
from scoring.effects import SUPPORTS, Arm, EffectArrays, EffectModel, Moderation, Modifier
from training import benefit_frame as frames
from training import (
    benefit_groups,
    benefit_moderation,
    benefit_modifiers,
    benefit_nuisance,
    benefit_pooling,
)
from training.benefit_frame import Floats, Ints, Table
from training.benefit_rows import TrainingRows

MOST_COEFFICIENTS: Final = 1600
"""Arms times functions that are solved for at once: about 0.4 s and 20 MB a pass."""
MORE_COEFFICIENTS: Final = 2400
"""The same from `MANY_ROWS` rows on, which can tell more apart."""
MANY_ROWS: Final = 40_000
MODERATIONS: Final = 2
"""Rounds in which the shared part of all effects and the arms' averages are fitted in turn."""
SMOOTHING: Final = 2.0
"""Pseudo-people when comparing an arm's people with those eligible, bin by bin."""

HIDDEN_BIAS: Final = 0.03
"""Standard deviation of the bias by facts that practice knows and records do not hold, common to all arms because all
are compared with the reference, in standard deviations of the outcome (for a chance of three in ten 1.4 points in a
hundred, as large as a usual effect). Part of every interval, as bias analysis adds it by a prior (Greenland 2005,
JRSS A 168): no number of people makes it less (decision 0608)."""
EVIDENCE_ROWS: Final = 20_000
"""About how many rows the worth of the whole policy is reckoned on."""
EVIDENCE: Final = 0.95
"""How sure the policy has to be better than supervision as usual, on average, before estimates are acted on that
are not clear for the single person."""

Rule = Literal["policy", "lower_bound", "effect"]


class BenefitModel(BaseEstimator):  # type: ignore[misc]  # scikit-learn ships no types
    """Effects of 2 to 60 arms against a reference, bounded, pooled, and served as scorecards.

    `reference` is the arm of supervision as usual; `min_support` the number of similar past people
    from which an effect counts as SUPPORTED (a third of it: THIN); `families` maps arms to
    families within which they are pooled, or to several from the widest (a kind) to the narrowest; `targets` maps them to the features (needs) that they
    are meant for, whose common effect is learned over all arms, and `thresholds` features to the score from which
    they are a need (else the more, the more of a need). `modifiers` names the features that
    effects may depend on; None takes up to `max_modifiers`: risk, motivation and needs under our
    features' names and what arms are meant for, then those with the strongest sign of changing
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
        """Learn the effects from what was done and what came of it.

        `X` is any data frame (numbers, yes/no, texts, missing values), `arm` and `outcome` have one
        value a row (outcome 0/1 or a number; NaN where it was not recorded). `groups` names the
        person of each row, `time` anything sortable. `eligible` and `propensity` give a column
        for each arm: a frame or mapping by arm, or a matrix with the arms sorted by name. A
        vector `propensity` is, with two arms, the chance of the one that is not the reference, and
        with more that of the arm received. `always_recorded` marks rows whose outcome would be
        known even if the person was never seen again. Raises UsageError for input that does not fit.
        """
        table = frames.read(X)
        data = self._read(
            table,
            arm=arm,
            outcome=outcome,
            groups=groups,
            time=time,
            eligible=eligible,
            always=always_recorded,
        )
        with threadpoolctl.threadpool_limits(self.threads):
            return self._fit(table, data, propensity)

    def _fit(self, table: Table, data: "_Data", propensity: object | None) -> Self:
        say = self.progress or (lambda _message: None)
        features = benefit_nuisance.features(table, data.time)
        shared = {"threads": self.threads, "seed": self.random_state}
        weight = benefit_nuisance.observation_weights(
            features, data.seen, data.arm, data.always, data.fold, **shared
        )
        say("outcome model")
        expected = benefit_nuisance.outcome_model(features, data.outcome, weight, data.fold, **shared)
        if propensity is None:
            chances = benefit_nuisance.propensities(
                features, data.arm, data.eligible, data.fold, **shared, say=say, reference=data.reference
            )
        else:
            chances = self._known(propensity, data)
        openness = (np.arange(len(data.arms)) == data.arm[:, None]) - chances.astype(np.float64)
        openness = np.delete(openness, data.reference, axis=1)
        residual = np.where(weight > 0, data.outcome - expected, 0.0)
        modifiers = self._modifiers(table, residual=weight * residual, openness=openness)
        bins = benefit_modifiers.places(modifiers, table)
        design = benefit_modifiers.design(modifiers, bins, length=table.length)
        say("effects")
        settings: dict[str, Any] = {"modifiers": modifiers, "residual": residual, "openness": openness}
        start, reads = benefit_moderation.expected(modifiers)
        moderation = Moderation.none(design.shape[1] - 1)
        if openness.shape[1] >= benefit_moderation.LEAST_ARMS:
            moderation = benefit_moderation.before(design, start)
            for number in range(MODERATIONS):
                share = moderation.share(design)[:, None]
                pooled, without = self._pool(
                    data, design=design * share, weight=weight, plain=True, **settings
                )
                own = np.zeros((table.length, openness.shape[1]), dtype=np.float32)
                for fold, mean in enumerate(without):
                    held = data.fold == fold
                    own[held] = design[held] @ mean
                moderation = benefit_moderation.fit(
                    residual=residual,
                    effect=(openness * own).sum(axis=1),
                    design=design,
                    weight=weight,
                    widths=[m.basis.shape[1] for m in modifiers],
                    noise=pooled.noise * self.inflation_,
                    start=start,
                    reads=reads,
                )
                say(f"effects, shared part {number + 1}")
        moderated = design * moderation.share(design)[:, None]
        pooled, without = self._pool(data, design=moderated, weight=weight, **settings)
        self.rows_ = self._rows(
            data, chances=chances, expected=expected, weight=weight, design=moderated, without=without
        )
        self.arms_ = tuple(label for label in data.arms if label != self.reference)
        self.n_features_in_ = len(table.names)
        self.feature_names_in_ = np.array(table.names, dtype=object)
        self.model_ = self._serve(
            data,
            modifiers=modifiers,
            bins=bins,
            pooled=pooled,
            openness=openness,
            moderation=moderation,
        )
        self.model_.report["evidence"] = self._evidence(table, data, pooled=pooled, design=moderated)
        return self

    def _evidence(
        self, table: Table, data: "_Data", *, pooled: benefit_pooling.Pooled, design: Floats
    ) -> dict[str, float]:
        """What is expected of the whole policy, on average over people, and its lower bound."""
        some = np.arange(0, table.length, max(table.length // EVIDENCE_ROWS, 1))
        found = self.model_.effects_many(table.take(some).columns)
        eligible = np.delete(data.eligible[some], data.reference, axis=1)
        chosen = _best(found, eligible, least=None)
        weights: Floats = np.zeros((design.shape[1], len(data.others)))
        for place in range(weights.shape[1]):
            weights[:, place] = design[some[chosen == place]].sum(axis=0)
        count = max(int((chosen >= 0).sum()), 1)
        effect, error = pooled.mean_of(weights / count)
        z = float(scipy.stats.norm.ppf(EVIDENCE))
        return {"effect": effect, "lower": effect - z * error, "suggested": count / len(some)}

    def _read(
        self,
        table: Table,
        *,
        arm: object,
        outcome: object,
        groups: object | None,
        time: object | None,
        eligible: object | None,
        always: object | None,
    ) -> "_Data":
        n = table.length
        codes, labels = frames.codes(arm, name="arm", length=n)
        if self.reference not in labels:
            raise UsageError(
                f"No row has the reference arm {self.reference}; name the arm of supervision as usual as reference."
            )
        if not 2 <= len(labels) <= 61:
            raise UsageError(
                f"There are {len(labels)} arms; the benefit model compares 2 to 60 with a reference."
            )
        unknown = [name for name in self.modifiers or () if name not in table.names]
        if unknown:
            raise UsageError(f"The modifier {unknown[0]} is not among the features; name one that is.")
        reference = labels.index(self.reference)
        values = frames.numbers(outcome, name="outcome", length=n)
        seen = ~np.isnan(values)
        persons = np.arange(n) if groups is None else frames.codes(groups, name="groups", length=n)[0]
        if seen.sum() < 2 * self.folds or len(np.unique(persons[seen])) < 2 * self.folds:
            raise UsageError(
                f"Only {int(seen.sum())} outcomes are recorded; too few to learn any effect from."
            )
        if np.ptp(values[seen]) == 0:
            raise UsageError("The outcome never varies; there is no effect to learn.")
        allowed = np.ones((n, len(labels)), dtype=bool)
        if eligible is not None:
            given = frames.by_arm(
                eligible, name="eligible", length=n, arms=labels, reference=self.reference, default=1.0
            )
            allowed = given > 0
        allowed[:, reference] = True
        allowed[np.arange(n), codes] = True  # what was done could be done
        certain = np.zeros(n, dtype=bool)
        if always is not None:
            certain = frames.numbers(always, name="always_recorded", length=n) > 0
        blocks = None
        if time is not None:
            blocks = benefit_nuisance.time_blocks(frames.vector(time, name="time", length=n))
        return _Data(
            arms=tuple(labels),
            reference=reference,
            arm=codes,
            outcome=np.where(seen, values, 0.0),
            seen=seen,
            always=certain & seen,
            eligible=allowed,
            groups=persons.astype(np.int64),
            time=blocks,
            fold=benefit_nuisance.person_folds(persons, folds=self.folds, seed=self.random_state),
        )

    def _known(self, propensity: object, data: "_Data") -> npt.NDArray[np.float32]:
        """The propensities as given, over the eligible arms and summing to one."""
        n, k = data.eligible.shape
        raw = propensity.to_numpy() if hasattr(propensity, "to_numpy") else propensity
        if not isinstance(raw, Mapping) and np.ndim(np.asarray(raw)) == 1:
            chance = frames.numbers(raw, name="propensity", length=n)
            if k == 2:
                matrix = np.column_stack([chance, chance])
                matrix[:, data.reference] = 1 - chance
            else:
                matrix = np.repeat(((1 - chance) / (k - 1))[:, None], k, axis=1)
                matrix[np.arange(n), data.arm] = chance
        else:
            matrix = frames.by_arm(
                propensity,
                name="propensity",
                length=n,
                arms=data.arms,
                reference=self.reference,
                default=np.nan,
            )
            rest = 1 - np.nansum(matrix, axis=1)
            matrix[:, data.reference] = np.where(
                np.isnan(matrix[:, data.reference]), rest, matrix[:, data.reference]
            )
        if np.isnan(matrix).any() or (matrix < -1e-9).any() or (matrix > 1 + 1e-9).any():
            raise UsageError(
                "The propensities must lie between 0 and 1 in every row; correct or leave them out."
            )
        matrix = np.where(data.eligible, np.maximum(matrix, 0.0), 0.0)
        total = matrix.sum(axis=1, keepdims=True)
        if (total <= 0).any():
            raise UsageError(
                "A row has no eligible arm with a positive propensity; correct the propensities."
            )
        return np.asarray(matrix / total, dtype=np.float32)

    def _modifiers(self, table: Table, *, residual: Floats, openness: Floats) -> tuple[Modifier, ...]:
        """The features that effects may depend on, cut; the strongest signs first where there are many."""
        names = list(self.modifiers) if self.modifiers is not None else list(table.names)
        meant = {name for names_of in (self.targets or {}).values() for name in names_of}
        meant.update(benefit_modifiers.PREFERRED)
        sign = {name: _sign(table, name, residual=residual, openness=openness) for name in names}
        names = [name for name in names if math.isfinite(sign[name])]
        names = sorted(names, key=lambda name: (name not in meant, -sign[name]))[: self.max_modifiers]
        most = MORE_COEFFICIENTS if table.length >= MANY_ROWS else MOST_COEFFICIENTS
        room = max(most // openness.shape[1] - 1, 0)
        shared = set(benefit_moderation.SHARED_BY) & set(names)
        cuts: list[Modifier] = []
        for finer, degree in ((3, 3), (3, 2), (3, 1), (2, 1), (1, 1)):
            found = (self._cut(table, name, degree=finer if name in shared else degree) for name in names)
            cuts = [m for m in found if m]
            if sum(m.basis.shape[1] for m in cuts) <= room:
                break
        chosen: list[Modifier] = []
        for modifier in cuts:
            if modifier.basis.shape[1] <= room:
                room -= modifier.basis.shape[1]
                chosen.append(modifier)
        return tuple(sorted(chosen, key=lambda m: table.names.index(m.name)))

    def _cut(self, table: Table, name: str, *, degree: int) -> Modifier | None:
        return benefit_modifiers.cut(table, name, degree=degree, threshold=(self.thresholds or {}).get(name))

    def _pool(
        self,
        data: "_Data",
        *,
        modifiers: tuple[Modifier, ...],
        design: Floats,
        residual: Floats,
        openness: Floats,
        weight: Floats,
        plain: bool = False,
    ) -> tuple[benefit_pooling.Pooled, list[Floats]]:
        """The pooled effects, and for each fold the mean effects learned without it.

        `plain`: averages and needs only, no arm's own dependence on modifiers.
        """
        seen = weight > 0
        targets = {str(label): tuple(names) for label, names in (self.targets or {}).items()}
        meant = benefit_modifiers.meant_for(modifiers, [str(label) for label in data.others], targets)
        eligible = np.delete(data.eligible, data.reference, axis=1)
        match = benefit_modifiers.chosen_by_practice(meant, data.place, eligible)
        own = 1 if plain else design.shape[1]
        parts = [
            benefit_pooling.moments(
                residual=residual[use],
                openness=openness[use],
                design=design[use],
                meant=meant,
                match=match,
                weight=weight[use],
                own=own,
            )
            for use in ((data.fold == number) & seen for number in range(self.folds))
        ]
        whole = benefit_pooling.total(parts)
        inflation = benefit_pooling.design_effect(
            residual=residual,
            openness=openness,
            weight=weight,
            groups=data.groups,
            noise=whole.square / whole.weight,
        )
        widths = [m.basis.shape[1] for m in modifiers]
        blocks = np.repeat(np.arange(len(widths) + 1), [1, *widths])[:own]
        scale = float(
            np.average((data.outcome - np.average(data.outcome, weights=weight)) ** 2, weights=weight)
        )
        settings: dict[str, Any] = {
            "blocks": blocks,
            "families": self._families(data),
            "meant": meant,
            "match": match,
            "scale": scale,
            "inflation": inflation,
        }
        pooled = benefit_pooling.pool(whole, **settings)
        without = [
            benefit_pooling.pool(whole.minus(part), **settings, spread=pooled.spread, noise=pooled.noise).mean
            for part in parts
        ]
        self.inflation_, self.scale_ = inflation, scale
        return pooled, without

    def _family_names(self, data: "_Data") -> list[tuple[str, ...]]:
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

    def _families(self, data: "_Data") -> list[Ints]:
        """For each level the family of each arm; within families that share a name only if the wider ones do."""
        if not self.families:
            return [np.zeros(len(data.others), dtype=np.int64)]
        names = self._family_names(data)
        levels = range(1, len(names[0]) + 1)
        return [
            np.unique(["\n".join(name[:level]) for name in names], return_inverse=True)[1].astype(np.int64)
            for level in levels
        ]

    def _rows(
        self,
        data: "_Data",
        *,
        chances: npt.NDArray[np.float32],
        expected: Floats,
        weight: Floats,
        design: Floats,
        without: list[Floats],
    ) -> TrainingRows:
        """The outcome model with the arm as factor: what is expected anyway, plus effects of other folds."""
        n, k = data.eligible.shape
        others = [place for place in range(k) if place != data.reference]
        by_arm = np.zeros((n, k), dtype=np.float32)
        for number, mean in enumerate(without):
            held = data.fold == number
            by_arm[np.ix_(held, others)] = design[held] @ mean
        anyway = expected - (chances * by_arm).sum(axis=1)
        by_arm += anyway[:, None].astype(np.float32)
        return TrainingRows(
            arms=tuple(str(label) for label in data.arms),
            reference=data.reference,
            arm=data.arm,
            outcome=np.where(data.seen, data.outcome, np.nan),
            weight=weight,
            propensity=chances,
            expected=by_arm,
            eligible=data.eligible,
            groups=data.groups,
        )

    def _serve(
        self,
        data: "_Data",
        *,
        modifiers: tuple[Modifier, ...],
        bins: list[Ints],
        pooled: benefit_pooling.Pooled,
        openness: Floats,
        moderation: Moderation,
    ) -> EffectModel:
        """Scorecards, covariances and support of every arm, as the bundle holds them."""
        z = float(scipy.stats.norm.ppf(0.5 + self.level / 2))
        means = pooled.mean
        everyone = np.ones(len(data.arm), dtype=bool)
        arms, averages = [], {}
        families = self._family_names(data)
        hidden: Floats = np.zeros((len(means), len(means)))
        hidden[0, 0] = HIDDEN_BIAS**2 * self.scale_
        for place, label in enumerate(data.others):
            coefficients = means[:, place]
            in_arm = data.arm == data.arms.index(label)
            allowed = data.eligible[:, data.arms.index(label)]
            mean, lower, upper = self.rows_.average(data.arms.index(label), everyone, z=z)
            if math.isfinite(mean):
                averages[str(label)] = {
                    "effect": mean,
                    "lower": lower,
                    "upper": upper,
                    "eligible": int(allowed.sum()),
                }
            arms.append(
                Arm(
                    name=str(label),
                    family=families[place][-1],
                    intercept=float(coefficients[0]),
                    tables=_tables(modifiers, coefficients),
                    covariance=pooled.arm_covariance(place) + hidden,
                    people=float((openness[data.seen, place] ** 2).sum()),
                    likeness=_likeness(modifiers, bins, in_arm=in_arm & data.seen, allowed=allowed),
                    facts={"rows": int(in_arm.sum()), "recorded": int((in_arm & data.seen).sum())},
                    counts=tuple(
                        np.bincount(codes[allowed], minlength=modifier.bins + 1)
                        for modifier, codes in zip(modifiers, bins, strict=True)
                    ),
                )
            )
        names = ["average", *(m.name for m in modifiers)]
        spread = pooled.spread
        report = {
            "rows": len(data.arm),
            "people": int(data.groups.max()) + 1,
            "recorded": int(data.seen.sum()),
            "noise": pooled.noise,
            "inflation": self.inflation_,
            "hidden_bias": HIDDEN_BIAS * math.sqrt(self.scale_),
            "standard_deviations": {
                name: {
                    "common": float(np.sqrt(spread.common[i])),
                    "families": [float(np.sqrt(level[i])) for level in spread.families],
                    "own": float(np.sqrt(spread.own[i])),
                }
                for i, name in enumerate(names)
            },
            "match": float(np.sqrt(spread.match)),
            "average_effects": averages,
        }
        return EffectModel(
            reference=str(self.reference),
            level=self.level,
            z=z,
            min_support=self.min_support,
            modifiers=modifiers,
            arms=arms,
            report=report,
            moderation=moderation,
        )

    def effects(self, X: object) -> pd.DataFrame:
        """Every arm's effect for every row: columns (arm, figure), figures effect, lower, upper, support.

        `model.effects(X)["tsp"]["lower"]` is one arm's lower bounds. The index is that of `X` where
        it is a pandas frame.
        """
        found = self.model_.effects_many(frames.read(X).columns)
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
        self, X: object, eligible: object | None = None, *, rule: Rule = "policy"
    ) -> npt.NDArray[Any]:
        """The arm to suggest to each row, or the reference: [rows].

        Always among the eligible arms with enough similar people, and with an estimate above nought. By "policy",
        the one with the highest lower bound, where that is above nought or where the fit as a whole shows that
        choosing so helps (`report["evidence"]`); else the reference (decision 0607). By "lower_bound", the one with
        the highest lower bound above nought only; by "effect", the one with the highest estimate.
        """
        table = frames.read(X)
        found = self.model_.effects_many(table.columns)
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

    def effect_differences(self, by: object, *, rate: float = benefit_groups.RATE) -> pd.DataFrame:
        """Differences in effect between groups of the training rows that the facts do not explain.

        `reported` marks those that stand at the false discovery `rate` (`training.benefit_groups`).
        """
        return benefit_groups.differences(self.rows_, by, rate=rate)

    def to_effect_model(self) -> EffectModel:
        """What the release bundle holds (benefit.json)."""
        return self.model_

    def to_json(self, path: Path | str) -> None:
        """Write benefit.json."""
        Path(path).write_text(self.model_.to_json() + "\n", encoding="utf-8")


@dataclass(frozen=True, kw_only=True)
class _Data:
    """The rows as the fit reads them; `arm`, `reference` are places in `arms`."""

    arms: tuple[Hashable, ...]
    reference: int
    arm: Ints
    outcome: Floats
    seen: npt.NDArray[np.bool_]
    always: npt.NDArray[np.bool_]
    eligible: npt.NDArray[np.bool_]
    groups: Ints
    time: Ints | None
    fold: Ints

    @property
    def place(self) -> Ints:
        """The arm of each row among the others, -1 for the reference."""
        return np.where(self.arm == self.reference, -1, self.arm - (self.arm > self.reference))

    @property
    def others(self) -> list[Hashable]:
        """The arms that are compared with the reference."""
        return [label for place, label in enumerate(self.arms) if place != self.reference]


def _best(
    found: EffectArrays,
    eligible: npt.NDArray[np.bool_],
    *,
    least: float | None,
    figure: Floats | None = None,
) -> Ints:
    """The arm of each row with the highest `figure` (None: lower bound), which is above `least`; -1 where none is.

    Among those that are eligible, have enough similar people, and an estimate above nought.
    """
    figure = found.lower if figure is None else figure
    may = eligible & (found.support < SUPPORTS.index("NONE")) & (found.effect > 0)
    if least is not None:
        may &= figure > least
    best = np.where(may, figure, -np.inf).argmax(axis=1)
    return np.where(may.any(axis=1), best, -1)


def _sign(table: Table, name: str, *, residual: Floats, openness: Floats) -> float:
    """How strongly effects seem to depend on a feature: mean squared score over arms and functions."""
    modifier = benefit_modifiers.cut(table, name, degree=2)
    if modifier is None:
        return -math.inf
    score = modifier.basis[modifier.bins_of(table.columns[name])] * residual[:, None]
    sums = score.T @ openness
    spread = (score**2).T @ (openness**2)
    return float((sums**2 / np.maximum(spread, 1e-12)).mean())


def _tables(modifiers: tuple[Modifier, ...], coefficients: Floats) -> tuple[Floats, ...]:
    """The scorecard of one arm: a number for every bin of every modifier."""
    ends = np.cumsum([1, *(m.basis.shape[1] for m in modifiers)])
    return tuple(
        m.basis @ coefficients[start:stop]
        for m, start, stop in zip(modifiers, ends[:-1], ends[1:], strict=True)
    )


def _likeness(
    modifiers: tuple[Modifier, ...],
    bins: list[Ints],
    *,
    in_arm: npt.NDArray[np.bool_],
    allowed: npt.NDArray[np.bool_],
) -> tuple[Floats, ...]:
    """How common an arm's people are in each bin, against those eligible for it; at most 1."""
    tables = []
    for modifier, codes in zip(modifiers, bins, strict=True):
        there = np.bincount(codes[in_arm], minlength=modifier.bins + 1).astype(np.float64)
        share = np.bincount(codes[allowed], minlength=modifier.bins + 1) / max(int(allowed.sum()), 1)
        tables.append(
            np.minimum((there + SMOOTHING * share) / (in_arm.sum() * share + SMOOTHING * share + 1e-12), 1.0)
        )
    return tuple(tables)
