"""Which disparities are known, who answers for each, and is there a current, signed explanation?

The register is a file that equality reviewers keep (`register.yaml`, or one of their own). Reports
never write it; they say what is new in it, gone, better and worse.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BeforeValidator, field_validator, model_validator

from catalogue.documents import Day, Section, Text, read_model, read_yaml

LONGEST_DAYS = 731


class Disparity(Section):
    """One disparity in the register."""

    id: Text
    first_seen: Day
    status: Literal["open", "explained", "being_reformed", "closed"]
    owner: Text
    argument: str = ""
    evidence: str = ""
    signed_by: str = ""
    signed_on: Day | None = None
    expires: Day | None = None

    @model_validator(mode="after")
    def _explained_in_full(self) -> Self:
        """An explanation needs an argument, evidence, a signature and an end."""
        if self.status == "explained":
            for name in ("argument", "evidence", "signed_by", "signed_on", "expires"):
                if not getattr(self, name):
                    raise ValueError(f"is explained but has no {name}; add it.")
        _check_dates(self.signed_on, self.expires)
        return self

    def explains(self, day: date) -> bool:
        """Whether the explanation is signed and current on that day."""
        return (
            self.status == "explained"
            and self.signed_on is not None
            and self.expires is not None
            and self.signed_on <= day <= self.expires
        )


class Lift(Section):
    """Permission to pass although there is too little data for one comparison, which it names."""

    id: Text
    reason: Text
    owner: Text
    signed_by: Text
    signed_on: Day
    expires: Day

    @model_validator(mode="after")
    def _ends(self) -> Self:
        """Nothing is lifted for ever."""
        _check_dates(self.signed_on, self.expires)
        return self

    def holds(self, day: date) -> bool:
        """Whether it is current on that day."""
        return self.signed_on <= day <= self.expires


def _check_dates(signed_on: date | None, expires: date | None) -> None:
    if signed_on is None or expires is None:
        return
    if not signed_on <= expires or (expires - signed_on).days > LONGEST_DAYS:
        raise ValueError(
            "has an expiry that is not within two years after the day it was signed; correct it."
        )


@dataclass(frozen=True, slots=True)
class Register:
    """All entries, by id."""

    disparities: Mapping[str, Disparity]
    lifted: Mapping[str, Lift]

    def explained(self, disparity: str, day: date) -> bool:
        """Whether exactly this disparity has a signed explanation that is current."""
        entry = self.disparities.get(disparity)
        return entry is not None and entry.explains(day)

    def lifts(self, name: str, day: date) -> bool:
        """Whether insufficient data in exactly this comparison has been lifted."""
        lift = self.lifted.get(name)
        return lift is not None and lift.holds(day)


EMPTY = Register({}, {})
Item = TypeVar("Item", Disparity, Lift)
_NONE_IS_EMPTY = BeforeValidator(lambda items: () if items is None else items)


class _RegisterFile(Section):
    disparities: Annotated[tuple[Disparity, ...], _NONE_IS_EMPTY] = ()
    lifted: Annotated[tuple[Lift, ...], _NONE_IS_EMPTY] = ()

    @field_validator("disparities", "lifted")
    @classmethod
    def _once_each(cls, items: tuple[Item, ...]) -> tuple[Item, ...]:
        ids = [item.id for item in items]
        twice = sorted(name for name in set(ids) if ids.count(name) > 1)
        if twice:
            raise ValueError(f"holds '{twice[0]}' twice; keep one entry for each.")
        return items


def read(path: Path | None = None) -> Register:
    """The register in a file, or the project's own. Raises `UsageError` with the place of what is wrong."""
    path = path or Path(__file__).parent / "register.yaml"
    return parse(read_yaml(path, thing="The register of disparities"), name=path.name)


def parse(document: object, *, name: str = "register.yaml") -> Register:
    """A register from a document. Raises `UsageError` with the place of what is wrong."""
    held = read_model(
        _RegisterFile, document, place=name, nouns={"disparities": "disparity", "lifted": "lift"}
    )
    return Register(_by_id(held.disparities), _by_id(held.lifted))


def _by_id(items: Sequence[Item]) -> dict[str, Item]:
    return {item.id: item for item in items}


@dataclass(frozen=True, slots=True)
class Changes:
    """What the report holds against the register: new disparities, known ones, and those gone."""

    new: tuple[str, ...]
    known: tuple[str, ...]
    gone: tuple[str, ...]
    better: tuple[str, ...] = ()
    worse: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {name: list(getattr(self, name)) for name in ("new", "known", "gone", "better", "worse")}


MOVED = 0.05
"""A relative rate has moved when its logarithm has, by more than this."""


def changes(
    entries: Register, named: Mapping[str, float] | Iterable[str], previous: Mapping[str, float] | None = None
) -> Changes:
    """What is new, known and gone since the register and the last report, and what got better or worse?

    `named` are today's disparities, with their relative rates where known; `previous` those of the
    last report. Better is nearer to 1.
    """
    today: dict[str, float] = dict(named) if isinstance(named, Mapping) else dict.fromkeys(named, 0.0)
    before = dict(previous or {})
    held = {name for name, entry in entries.disparities.items() if entry.status != "closed"} | set(before)
    moved = {
        name: abs(math.log(today[name])) - abs(math.log(before[name]))
        for name in set(today) & set(before)
        if today[name] > 0 and before[name] > 0
    }
    return Changes(
        new=tuple(sorted(set(today) - held)),
        known=tuple(sorted(set(today) & held)),
        gone=tuple(sorted(held - set(today))),
        better=tuple(sorted(name for name, by in moved.items() if by < -MOVED)),
        worse=tuple(sorted(name for name, by in moved.items() if by > MOVED)),
    )
