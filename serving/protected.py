"""Protected characteristics may be recorded and audited; they may not be sent to be scored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from features.contract import TABLES
from serving.errors import ServiceError

PROTECTED: Final = "protected"

# What callers may call the same things. `sex` and the date of birth are not here: rules of law and of safety are
# read from them, and no score is.
OTHER_NAMES: Final = frozenset(
    {
        "age_group", "belief", "care_leaver", "civil_partnership", "civil_status", "country_of_birth", "disabilities",
        "disabled", "ethnic_background", "ethnic_group", "ethnic_origin", "ethnicity_code", "faith", "gender",
        "gender_identity", "gender_reassignment", "marriage", "maternity", "nationality", "pregnancy", "pregnant",
        "race", "religion_or_belief", "sexuality", "skin_colour", "trans", "transgender", "veteran",
    }
)  # fmt: skip


def protected_refused(document: Mapping[str, Any]) -> ServiceError | None:
    """422 when a document carries protected characteristics, anywhere in it and under any usual name."""
    names = (set(TABLES[PROTECTED].names) - {"crn", "known_on"}) | OTHER_NAMES
    if _mentions(document, names | {PROTECTED}):
        return ServiceError(
            status=422,
            code="PROTECTED_CHARACTERISTIC_NOT_ACCEPTED",
            user="Protected characteristics are not accepted here: no suggestion is made from them.",
            developer="Leave out the table `protected` and everything that stands for its columns; a case that is "
            "sent to be kept has them in the table `protected` and nowhere else.",
        )
    return None


def _mentions(document: object, names: set[str]) -> bool:
    """Is any key among the names? Without recursion, however deep a caller nests."""
    waiting = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            if any(_plain(key) in names for key in value):
                return True
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return False


def _plain(name: object) -> str:
    """A name in snake case, however it was written."""
    text = str(name).strip().replace("-", "_").replace(" ", "_")
    if text.isupper():
        return text.lower()
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in text).lstrip("_")
