"""Protected characteristics may be recorded and audited; they may not be sent to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from features.contract import TABLES
from serving.errors import ServiceError

PROTECTED: Final = "protected"


def protected_refused(document: Mapping[str, Any]) -> ServiceError | None:
    """422 when a document for scoring carries protected characteristics, anywhere in it."""
    names = set(TABLES[PROTECTED].names) - {"crn", "known_on"}
    if _mentions(document, names | {PROTECTED}):
        return ServiceError(
            status=422,
            code="PROTECTED_CHARACTERISTIC_NOT_ACCEPTED",
            user="Protected characteristics are not accepted here: no suggestion is made from them.",
            developer="Leave out the table `protected` and its columns.",
        )
    return None


def _mentions(value: object, names: set[str]) -> bool:
    if isinstance(value, Mapping):
        return any(_plain(key) in names or _mentions(inner, names) for key, inner in value.items())
    if isinstance(value, list):
        return any(_mentions(inner, names) for inner in value)
    return False


def _plain(name: object) -> str:
    """A name in snake case, however it was written."""
    text = str(name)
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in text).lstrip("_")
