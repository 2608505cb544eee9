"""Which disparities are known, who answers for each, and is there a current, signed explanation?

The register is a file that equality reviewers keep (`register.yaml`, or one of their own). Reports
never write it; they say what is new in it, gone, better and worse.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Any, Literal, TypeVar

import yaml

from catalogue.errors import UsageError

RegisterStatus = Literal["open", "explained", "being_reformed", "closed"]
STATUSES = ("open", "explained", "being_reformed", "closed")
LONGEST_DAYS = 731


@dataclass(frozen=True, slots=True, kw_only=True)
class Disparity:
    """One disparity in the register."""

    id: str
    first_seen: date
    status: RegisterStatus
    owner: str
    argument: str = ""
    evidence: str = ""
    signed_by: str = ""
    signed_on: date | None = None
    expires: date | None = None

    def __post_init__(self) -> None:
        """An explanation wants an argument, evidence, a signature and an end."""
        if self.status not in STATUSES:
            raise UsageError(f'Register entry "{self.id}": the status is one of {", ".join(STATUSES)}.')
        if not self.owner:
            raise UsageError(f'Register entry "{self.id}" has no owner; name the role that answers for it.')
        if self.status == "explained":
            for name in ("argument", "evidence", "signed_by", "signed_on", "expires"):
                if not getattr(self, name):
                    raise UsageError(f'Register entry "{self.id}" is explained but has no {name}; add it.')
        _check_dates(self.id, self.signed_on, self.expires)

    def explains(self, day: date) -> bool:
        """Whether the explanation is signed and current on that day."""
        return (
            self.status == "explained"
            and self.signed_on is not None
            and self.expires is not None
            and self.signed_on <= day <= self.expires
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Lift:
    """Leave to pass although the data are too few for one comparison, given by name."""

    id: str
    reason: str
    owner: str
    signed_by: str
    signed_on: date
    expires: date

    def __post_init__(self) -> None:
        """Nobody lifts it anonymously or for ever."""
        for name in ("reason", "owner", "signed_by"):
            if not getattr(self, name):
                raise UsageError(
                    f'Register entry "{self.id}" lifts insufficient data but has no {name}; add it.'
                )
        _check_dates(self.id, self.signed_on, self.expires)

    def holds(self, day: date) -> bool:
        """Whether it is current on that day."""
        return self.signed_on <= day <= self.expires


def _check_dates(name: str, signed_on: date | None, expires: date | None) -> None:
    if signed_on is None or expires is None:
        return
    if not signed_on <= expires or (expires - signed_on).days > LONGEST_DAYS:
        raise UsageError(
            f'Register entry "{name}": it expires after the day it was signed, within two years.'
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
_Kind = TypeVar("_Kind", Disparity, Lift)


def read(path: Path | None = None) -> Register:
    """The register in a file, or the project's own. Raises `UsageError` with the place of what is wrong."""
    path = path or Path(__file__).parent / "register.yaml"
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"The register of disparities {path} cannot be read; check the path.") from error
    except yaml.YAMLError as error:
        raise UsageError(f"The register of disparities {path} is not valid YAML; correct it.") from error
    return parse(document or {}, name=path.name)


def parse(document: Any, *, name: str = "register.yaml") -> Register:
    """A register from a document, key by key."""
    if not isinstance(document, dict) or set(document) - {"disparities", "lifted"}:
        raise UsageError(f"{name} has two lists, disparities and lifted, and nothing else.")
    entries = [_made(Disparity, each, name) for each in document.get("disparities") or []]
    lifts = [_made(Lift, each, name) for each in document.get("lifted") or []]
    for ids in ([entry.id for entry in entries], [lift.id for lift in lifts]):
        twice = {each for each in ids if ids.count(each) > 1}
        if twice:
            raise UsageError(f'{name} has "{min(twice)}" twice; keep one entry a disparity.')
    return Register({entry.id: entry for entry in entries}, {lift.id: lift for lift in lifts})


def _made(kind: type[_Kind], document: Any, name: str) -> _Kind:
    if not isinstance(document, dict) or not document.get("id"):
        raise UsageError(f"{name}: each entry is a list of keys with an id.")
    unknown = set(document) - {each.name for each in fields(kind)}
    if unknown:
        raise UsageError(f'{name}: the entry "{document["id"]}" has an unknown key "{min(unknown)}".')
    for key in ("first_seen", "signed_on", "expires"):
        if key in document and not isinstance(document[key], date):
            raise UsageError(f'{name}: the {key} of "{document["id"]}" is a date like 2026-03-31.')
    try:
        return kind(**document)
    except TypeError as error:
        raise UsageError(f'{name}: the entry "{document["id"]}" lacks a key that is required.') from error


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
