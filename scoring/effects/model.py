"""How much each intervention changes the chance of progress for this person, and how surely.

The benefit head as it is served: numbers read from a release bundle, numpy only. For every arm
the effect against the reference (supervision as usual) is an intercept plus one looked-up number
per modifier, and one number more for who has a need that the arm is meant for, all times the share of any
effect that a person like this gets (`Moderation`), so the terms *are* the effect. A modifier's value falls into a bin (its last bin is
"not recorded"); the interval comes from the stored posterior covariance of the arm's coefficients
in the modifiers' bases; support is the number of the arm's past people who were like this one in
the modifier in which they were least like.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from scoring.effects.parts import Arm, Codes, Floats, Moderation, Modifier

if TYPE_CHECKING:
    import polars as pl

SCHEMA: Final = "signpost.effects/1"
SUPPORTS: Final = ("SUPPORTED", "THIN", "NONE")
THIN_SHARE: Final = 1 / 3
"""An arm with at least this share of `min_support` similar people is THIN, below it NONE."""
CHUNK: Final = 8192
BLOCK: Final = 256  # rows by every arm's covariance at a time, so that memory stays bounded
INTERCEPT: Final = "intercept"
Columns: TypeAlias = "Mapping[str, Any] | pl.DataFrame"


@dataclass(frozen=True, kw_only=True)
class EffectArrays:
    """Effects for some people: arrays [people, arms] in the order of `arms`.

    `effect`, `lower` and `upper` are differences in the mean outcome (for progress: in its chance) against the
    reference; the interval is of the model's `level` (0.90). `support` holds places in `SUPPORTS`, `similar` the number
    of past people behind it.
    """

    arms: tuple[str, ...]
    effect: Floats
    lower: Floats
    upper: Floats
    support: npt.NDArray[np.int8]
    similar: Floats


@dataclass(frozen=True, kw_only=True)
class Explained:
    """The parts whose sum is each arm's effect for each person.

    `intercept` is [people, arms], `terms` [people, arms, modifiers] in the order of the model's `feature_names`. What
    having a need adds is part of the terms of the needs that the person has.
    """

    intercept: Floats
    terms: Floats


class EffectModel:
    """The effects of every arm, for one person or for many.

    `effects` walks through columns in chunks, so its memory does not grow beyond its own answer. Nothing outside the
    modifiers is read: a changed protected characteristic cannot change an effect.
    """

    def __init__(
        self,
        *,
        reference: str,
        level: float,
        z: float,
        min_support: float,
        modifiers: Sequence[Modifier],
        arms: Sequence[Arm],
        report: Mapping[str, Any],
        moderation: Moderation | None = None,
    ) -> None:
        self.reference = reference
        self.level = level
        self.z = z
        self.min_support = float(min_support)
        self.modifiers = tuple(modifiers)
        self.report = dict(report)
        self._arms = tuple(arms)
        self.arms = tuple(arm.name for arm in self._arms)
        functions = sum(m.basis.shape[1] for m in self.modifiers)
        self.moderation = moderation or Moderation.none(functions)
        self._check()

    def _check(self) -> None:
        size = 1 + sum(m.basis.shape[1] for m in self.modifiers)
        bins = [m.bins + 1 for m in self.modifiers]
        for arm in self._arms:
            shapes = [[len(t) for t in arm.tables], [len(t) for t in arm.likeness]]
            counted = [len(held) for held in arm.counts] or bins
            wide = size + bool(arm.needs)
            known = set(arm.needs) <= {m.name for m in self.modifiers if m.basis.shape[1]}
            if shapes != [bins, bins] or counted != bins or arm.covariance.shape != (wide, wide) or not known:
                raise UsageError(
                    f"The effect model's arm {arm.name} does not fit its modifiers; write it again."
                )
        if len(self.moderation.coefficients) != size - 1:
            raise UsageError("The effect model's moderation does not fit its modifiers; write it again.")

    @property
    def feature_names(self) -> tuple[str, ...]:
        """The features that a row must have."""
        return tuple(m.name for m in self.modifiers)

    @property
    def families(self) -> dict[str, str]:
        """The family of each arm."""
        return {arm.name: arm.family for arm in self._arms}

    @cached_property
    def _tables(self) -> Floats:
        """Stacked scorecards [arms, all bins of all modifiers in order]."""
        return np.array([np.concatenate([*arm.tables, np.zeros(0)]) for arm in self._arms]).reshape(
            len(self.arms), -1
        )

    @cached_property
    def _likeness(self) -> Floats:
        return np.array([np.concatenate([*arm.likeness, np.zeros(0)]) for arm in self._arms]).reshape(
            len(self.arms), -1
        )

    @cached_property
    def _starts(self) -> Codes:
        """Where each modifier's bins begin in the stacked tables."""
        return np.cumsum([0, *(m.bins + 1 for m in self.modifiers)])[:-1].astype(np.int64)

    @cached_property
    def _factors(self) -> Floats:
        """F [arms, size, size] with covariance = F'F for each arm, of `_doubtful` and then the need.

        By eigenvalues, as a covariance may be singular.
        """
        size = len(self._doubtful) + 1
        factors: Floats = np.zeros((len(self._arms), size, size))
        for place, arm in enumerate(self._arms):
            held = [*self._doubtful, *([len(arm.covariance) - 1] if arm.needs else [])]
            values, vectors = np.linalg.eigh(arm.covariance[np.ix_(held, held)])
            factors[place, : len(held), : len(held)] = (vectors * np.sqrt(np.clip(values, 0.0, None))).T
        return factors

    @cached_property
    def _along(self) -> Floats:
        """The factors without the need, turned so that rows of a design can be multiplied by all of them at once."""
        return np.ascontiguousarray(self._factors[:, :, :-1].transpose(0, 2, 1))

    @cached_property
    def _doubtful(self) -> Codes:
        """Which functions (0: the intercept) any arm has a coefficient for, so that there is doubt about it."""
        functions = 1 + sum(m.basis.shape[1] for m in self.modifiers)
        diagonals = [np.diag(arm.covariance)[:functions] for arm in self._arms]
        return np.flatnonzero(np.any([*diagonals, np.eye(1, functions)[0]], axis=0))

    @cached_property
    def _pressing(self) -> Floats:
        """The first function of every bin of every modifier, stacked as the tables are."""
        firsts = [m.basis[:, 0] if m.basis.shape[1] else np.zeros(m.bins + 1) for m in self.modifiers]
        return np.concatenate([*firsts, np.zeros(0)])

    @cached_property
    def _meant(self) -> npt.NDArray[np.bool_]:
        """Which modifiers are needs of which arm [arms, modifiers]."""
        names = self.feature_names
        meant = [[name in arm.needs for name in names] for arm in self._arms]
        return np.array(meant, dtype=np.bool_).reshape(len(self._arms), len(names))

    @cached_property
    def _alike(self) -> list[tuple[Codes, Codes]]:
        """(modifiers, arms) of each set of needs that arms are meant for."""
        found: dict[tuple[int, ...], list[int]] = {}
        for arm, mask in enumerate(self._meant):
            if mask.any():
                found.setdefault(tuple(np.flatnonzero(mask).tolist()), []).append(arm)
        return [(np.array(needs), np.array(arms)) for needs, arms in found.items()]

    @cached_property
    def _need(self) -> Floats:
        return np.array([arm.need for arm in self._arms])

    def _met(self, at: Codes) -> Floats:
        """The most pressing need of every arm [people, arms], from places in the stacked tables [people, modifiers]."""
        pressing = self._pressing[at]
        met: Floats = np.zeros((len(at), len(self._arms)))
        for needs, arms in self._alike:
            met[:, arms] = pressing[:, needs].max(axis=1)[:, None]
        return met

    def _by_need(self, at: Codes, met: Floats) -> Floats:
        """What having needs adds [people, arms, modifiers]: shared evenly by the needs that press most."""
        most = self._meant[None, :, :] & (self._pressing[at][:, None, :] == met[:, :, None])
        count = np.maximum(most.sum(axis=2), 1)
        return np.asarray(most * (self._need * met / count)[:, :, None])

    @cached_property
    def _moderated(self) -> Floats:
        """The moderation's factor F of its covariance [functions, functions]."""
        return self.moderation.factor

    @cached_property
    def _intercepts(self) -> Floats:
        return np.array([arm.intercept for arm in self._arms])

    @cached_property
    def _people(self) -> Floats:
        return np.array([arm.people for arm in self._arms])

    def _support(self, similar: Floats) -> npt.NDArray[np.int8]:
        thin = similar < self.min_support
        none = similar < self.min_support * THIN_SHARE
        return thin.astype(np.int8) + none.astype(np.int8)

    def effects(self, frame: Columns) -> EffectArrays:
        """Every arm's effect for every row of some columns (a polars frame, or a mapping of equally long columns).

        Raises UsageError for a feature that the columns lack, and for a column of another kind than its modifier.
        """
        chunks = list(self.chunks(frame))
        return EffectArrays(
            arms=self.arms,
            effect=np.concatenate([c.effect for c in chunks]),
            lower=np.concatenate([c.lower for c in chunks]),
            upper=np.concatenate([c.upper for c in chunks]),
            support=np.concatenate([c.support for c in chunks]),
            similar=np.concatenate([c.similar for c in chunks]),
        )

    def chunks(self, frame: Columns, *, rows: int = CHUNK) -> Iterator[EffectArrays]:
        """The same, `rows` people at a time, in order; at least one (perhaps empty) chunk."""
        length = _length(frame, self.feature_names)
        columns = {name: self._column(frame, name) for name in self.feature_names}
        for start in range(0, max(length, 1), rows):
            stop = min(start + rows, length)
            places = [m.bins_of(columns[m.name][start:stop]) for m in self.modifiers]
            yield self._chunk(places, people=stop - start)

    def explain(self, frame: Columns) -> Explained:
        """What is each effect made of?

        Meant for a chunk of people at a time: it is as large as the number of people, arms and modifiers multiplied.
        """
        length = _length(frame, self.feature_names)
        places = [m.bins_of(self._column(frame, m.name)) for m in self.modifiers]
        at = self._places(places, people=length)
        share = self.moderation.share(self.design(places, people=length))
        terms = self._tables.T[at].transpose(0, 2, 1) + self._by_need(at, self._met(at))
        return Explained(intercept=share[:, None] * self._intercepts, terms=terms * share[:, None, None])

    def _column(self, frame: Columns, name: str) -> Any:
        if name not in _names(frame):
            raise UsageError(f"The frame lacks the feature {name}, which the benefit model reads; add it.")
        return frame[name]

    def _chunk(self, places: Sequence[Codes], *, people: int) -> EffectArrays:
        k = len(self.arms)
        design = self.design(places, people=people)
        met = self._met(self._places(places, people=people))
        effect = self._intercepts + met * self._need
        like = np.ones((people, k))
        for start, codes in zip(self._starts, places, strict=True):
            effect += self._tables.T[start + codes]
            np.minimum(like, self._likeness.T[start + codes], out=like)
        doubtful = design[:, self._doubtful]
        variance = np.empty((people, k))
        for start in range(0, people, BLOCK):
            block = slice(start, start + BLOCK)
            along = np.matmul(doubtful[block][None], self._along)
            along += met[block].T[:, :, None] * self._factors[:, None, :, -1]
            variance[block] = (along**2).sum(axis=2).T
        share = self.moderation.share(design)[:, None]
        doubt = ((design[:, 1:] @ self._moderated.T) ** 2).sum(axis=1)[:, None]
        effect *= share
        variance = share**2 * variance + effect**2 * doubt
        similar = like * self._people
        half = self.z * np.sqrt(variance)
        return EffectArrays(
            arms=self.arms,
            effect=effect,
            lower=effect - half,
            upper=effect + half,
            support=self._support(similar),
            similar=similar,
        )

    def _places(self, places: Sequence[Codes], *, people: int) -> Codes:
        """The bins' places in the stacked tables [people, modifiers]."""
        if not places:
            return np.zeros((people, 0), dtype=np.int64)
        return np.stack([start + codes for start, codes in zip(self._starts, places, strict=True)], axis=1)

    def design(self, places: Sequence[Codes], *, people: int) -> Floats:
        """The design matrix [people, 1 + functions] of the modifiers' bins."""
        parts = [m.basis[codes] for m, codes in zip(self.modifiers, places, strict=True)]
        return np.concatenate([np.ones((people, 1)), *parts], axis=1)

    def mean_effects(
        self, frame: Columns, *, arms: Sequence[str] | None = None
    ) -> dict[str, tuple[float, float, float]]:
        """Average effect of each arm (or of those named) over a group of people: (effect, lower, upper).

        The interval is that of the average, not the average of the intervals: what is uncertain
        about single people and cancels over the group does not widen it.
        """
        length = _length(frame, self.feature_names)
        if length == 0:
            raise UsageError("The group is empty; an average effect needs at least one person.")
        places = [m.bins_of(self._column(frame, m.name)) for m in self.modifiers]
        design = self.design(places, people=length)
        share = self.moderation.share(design)
        met = self._met(self._places(places, people=length))
        mean = (design[:, self._doubtful] * share[:, None]).mean(axis=0)
        out = {}
        for i, arm in enumerate(self.arms):
            if arms is not None and arm not in arms:
                continue
            own = self._intercepts[i] + self._need[i] * met[:, i]
            for start, codes in zip(self._starts, places, strict=True):
                own += self._tables[i, start + codes]
            along = np.append(mean, float((share * met[:, i]).mean()))
            variance = ((self._factors[i] @ along) ** 2).sum()
            variance += ((self._moderated @ ((share * own) @ design[:, 1:] / length)) ** 2).sum()
            effect, half = float((share * own).mean()), self.z * float(np.sqrt(variance))
            out[arm] = (effect, effect - half, effect + half)
        return out

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Self:
        """Read benefit.json; UsageError if it is not one of this schema."""
        if document.get("schema") != SCHEMA:
            raise UsageError(f"The effect model is not of the schema {SCHEMA}; train the bundle again.")
        if "moderation" in document:
            raise UsageError(
                "The effect model reads the shared part of effects as a sum; train the bundle again."
            )
        return cls(
            reference=document["reference"],
            level=float(document["level"]),
            z=float(document["z"]),
            min_support=float(document["min_support"]),
            modifiers=[Modifier.from_dict(m) for m in document["modifiers"]],
            arms=[Arm.from_dict(a) for a in document["arms"]],
            report=document.get("report", {}),
            moderation=Moderation.from_dict(document["shared_part"]) if "shared_part" in document else None,
        )

    def to_dict(self) -> dict[str, Any]:
        """The content of benefit.json."""
        return {
            "schema": SCHEMA,
            "reference": self.reference,
            "level": self.level,
            "z": self.z,
            "min_support": self.min_support,
            "modifiers": [m.to_dict() for m in self.modifiers],
            "arms": [a.to_dict() for a in self._arms],
            "shared_part": self.moderation.to_dict(),
            "report": self.report,
        }

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read the text of benefit.json."""
        return cls.from_dict(json.loads(text))

    def to_json(self) -> str:
        """The text of benefit.json: the same model gives the same bytes."""
        return json.dumps(self.to_dict(), sort_keys=True, allow_nan=False)


def _names(columns: Columns) -> Collection[str]:
    """The names of the columns of a frame or a mapping."""
    return columns if isinstance(columns, Mapping) else columns.columns


def _length(columns: Columns, names: Sequence[str]) -> int:
    known = [name for name in names if name in _names(columns)] or list(_names(columns))
    return len(columns[known[0]]) if known else 0
