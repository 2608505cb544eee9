"""What does a fit read of each row? What was done, the outcome, and what could have been done."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from catalogue.errors import UsageError
from training import frames
from training.benefit import nuisance
from training.frames import Floats, FrameColumns, Ints


@dataclass(frozen=True, kw_only=True)
class Data:
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


def read_data(
    table: FrameColumns,
    *,
    reference: Hashable,
    modifiers: Sequence[str] | None,
    folds: int,
    seed: int,
    arm: object,
    outcome: object,
    groups: object | None,
    time: object | None,
    eligible: object | None,
    always: object | None,
) -> Data:
    """Read the arguments of a fit; UsageError for what does not fit together."""
    n = table.length
    codes, labels = frames.codes(arm, name="arm", length=n)
    if reference not in labels:
        raise UsageError(
            f"No row has the reference arm {reference}; name the arm of supervision as usual as reference."
        )
    if not 2 <= len(labels) <= 61:
        raise UsageError(
            f"There are {len(labels)} arms; the benefit model compares 2 to 60 with a reference."
        )
    unknown = [name for name in modifiers or () if name not in table.names]
    if unknown:
        raise UsageError(f"The modifier {unknown[0]} is not among the features; name one that is.")
    place = labels.index(reference)
    values = frames.numbers(outcome, name="outcome", length=n)
    seen = ~np.isnan(values)
    persons = np.arange(n) if groups is None else frames.codes(groups, name="groups", length=n)[0]
    if seen.sum() < 2 * folds or len(np.unique(persons[seen])) < 2 * folds:
        raise UsageError(f"Only {int(seen.sum())} outcomes are recorded; too few to learn any effect from.")
    if np.ptp(values[seen]) == 0:
        raise UsageError("The outcome never varies; there is no effect to learn.")
    allowed = np.ones((n, len(labels)), dtype=bool)
    if eligible is not None:
        given = frames.by_arm(
            eligible, name="eligible", length=n, arms=labels, reference=reference, default=1.0
        )
        allowed = given > 0
    allowed[:, place] = True
    allowed[np.arange(n), codes] = True  # what was done could be done
    certain = np.zeros(n, dtype=bool)
    if always is not None:
        certain = frames.numbers(always, name="always_recorded", length=n) > 0
    blocks = None
    if time is not None:
        blocks = nuisance.time_blocks(frames.vector(time, name="time", length=n))
    return Data(
        arms=tuple(labels),
        reference=place,
        arm=codes,
        outcome=np.where(seen, values, 0.0),
        seen=seen,
        always=certain & seen,
        eligible=allowed,
        groups=persons.astype(np.int64),
        time=blocks,
        fold=nuisance.person_folds(persons, folds=folds, seed=seed),
    )


def known_chances(propensity: object, data: Data) -> npt.NDArray[np.float32]:
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
            reference=data.arms[data.reference],
            default=np.nan,
        )
        rest = 1 - np.nansum(matrix, axis=1)
        matrix[:, data.reference] = np.where(
            np.isnan(matrix[:, data.reference]), rest, matrix[:, data.reference]
        )
    if np.isnan(matrix).any() or (matrix < -1e-9).any() or (matrix > 1 + 1e-9).any():
        raise UsageError("The propensities must lie between 0 and 1 in every row; correct or leave them out.")
    matrix = np.where(data.eligible, np.maximum(matrix, 0.0), 0.0)
    total = matrix.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        raise UsageError("A row has no eligible arm with a positive propensity; correct the propensities.")
    return np.asarray(matrix / total, dtype=np.float32)
