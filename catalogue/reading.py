"""Read single values of a data file, each with a clear sentence about what is wrong where.

``place`` is where the value stands, as a person would look for it; it opens the sentence of the ``UsageError``.
"""

import math
import re
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from typing import Final, TypeVar

from catalogue.documents import Document
from catalogue.errors import UsageError
from catalogue.fields import FIELDS

_E = TypeVar("_E", bound=StrEnum)
_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def only(document: Document, known: frozenset[str] | set[str], place: str) -> None:
    """Refuse a key that nothing reads."""
    unknown = sorted(str(key) for key in set(document) - known)
    if unknown:
        raise UsageError(
            f"{place} holds the unknown key '{unknown[0]}'; the keys are {', '.join(sorted(known))}."
        )


def within(value: str, allowed: Sequence[str], place: str) -> None:
    """Refuse a value outside the list of allowed ones."""
    if value not in allowed:
        raise UsageError(f"{place} holds '{value}'; use one of {', '.join(allowed)}.")


def on_scale(values: Sequence[str], name: str, place: str) -> None:
    """Refuse codes that are not on the scale of the field, where it has a closed one."""
    if not FIELDS[name].codes_open:
        for value in values:
            within(value, FIELDS[name].scale, place)


def rank(value: object, scale: Sequence[str], place: str) -> int:
    """How far up the scale is a code?"""
    code = text(value, place)
    within(code, scale, place)
    return scale.index(code)


def mapping(value: object, place: str) -> Document:
    """The keys and values that stand here."""
    if isinstance(value, dict):
        return value
    raise UsageError(f"{place} holds something else than keys and values; correct its indentation.")


def items(value: object, place: str) -> list[object]:
    """The list that stands here."""
    if isinstance(value, list):
        return value
    raise UsageError(f"{place} holds something else than a list; write it in brackets or with dashes.")


def text(value: object, place: str) -> str:
    """The text that stands here."""
    if isinstance(value, str) and value:
        return value
    raise UsageError(f"{place} holds no text where one belongs; write one.")


def texts(value: object, place: str) -> tuple[str, ...]:
    """The list of texts that stands here."""
    return tuple(text(each, place) for each in items(value, place))


def optional_text(value: object, place: str) -> str | None:
    """The text that stands here, or nothing."""
    return None if value is None else text(value, place)


def number(value: object, place: str) -> float:
    """The number that stands here."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return value
    raise UsageError(f"{place} holds no number where one belongs; write one.")


def optional_whole(value: object, place: str) -> int | None:
    """The whole number that stands here, or nothing."""
    if value is None or (isinstance(value, int) and not isinstance(value, bool)):
        return value
    raise UsageError(f"{place} holds no whole number where one belongs; write one or null.")


def optional_date(value: object, place: str) -> date | None:
    """The date that stands here, or nothing."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    quoted = "without quotes " if isinstance(value, str) and _DATE.fullmatch(value) else ""
    raise UsageError(f"{place} holds no date where one belongs; write it {quoted}as 2021-06-26, or null.")


def choice(value: object, kind: type[_E], place: str) -> _E:
    """The member of an enumeration that stands here."""
    within(str(value), [str(each.value) for each in kind], place)
    return kind(str(value))
