"""What may no score be made from? Protected characteristics, proxies for them, and facts that scores influence.

`features.spec` asks for every feature that is declared for scoring; a feature that is
refused here cannot be made, so no model can be given it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from features.expressions import Condition, Measure, OneOf, Value, codes_of, parts_of

# These columns are out, under any name of a feature. Sex, date of birth, age at first sanction and the
# maturity flag are sex and age; region and delivery unit stand in for postcode and ethnicity; the
# interpreter and reading flags for nationality, language and disability; mental health and the learning
# screen are health and disability (fairness-and-law.md, "What may enter a score"). Practitioner and team
# would turn a score into a league table of staff; provider and venue are places.
NEVER_SCORED = frozenset(
    {
        "sex",
        "date_of_birth",
        "age_first_sanction",
        "maturity_flag",
        "region",
        "pdu",
        "practitioner",
        "team",
        "provider",
        "venue",
        "needs_interpreter",
        "reads_simple_sentences",
        "excluded_users",
        "restricted_to_users",
        "acute_mental_health",
        "learning_screen_subtotal",
    }
)
# Kinds of circumstances that may be scored; health is protected, the others stand in for sex and marriage.
_SCORED_CIRCUMSTANCES = frozenset({"ACCOMMODATION", "EMPLOYMENT"})
# Interventions may be counted, never named: several are for women, or for an age, alone.
_COUNTED_ONLY = "intervention_id"
_NEVER_NAMED = re.compile(
    r"(^|_)(sex|gender|age|birth|ethnicity|race|religion|disability|pregnan\w*|marital\w*|married|"
    r"orientation|nationality|postcode|region|pdu)(_|$)"
)
# "age" in these names is the age of a record, never of a person.
_AGE_OF_RECORD = frozenset({"assessment_age_days"})


def names_a_characteristic(name: str) -> bool:
    """Whether the name of a feature says a protected characteristic or a place."""
    return _NEVER_NAMED.search(name) is not None and name not in _AGE_OF_RECORD


def why_not_scored(  # noqa: PLR0911  one return a reason
    *,
    name: str,
    stream: str,
    columns: Sequence[str],
    where: Condition,
    expressions: Sequence[Condition | Measure],
    counts_kinds: bool,
) -> str | None:
    """Why may no score be made of this feature? One clause, or None when it may.

    `expressions` are its condition, its measure and its numerator; `counts_kinds` says
    that it counts different values without telling which.
    """
    for column in columns:
        if column in NEVER_SCORED:
            return f"uses {column}, which no score may be made of; give it another use"
    if stream == "people":
        return "describes the person; the people table is never scored"
    if stream == "decisions":
        return (
            "reads what people did with suggestions; a score of that would feed on itself, so it is for audit"
        )
    if stream == "circumstances":
        kinds = codes_of(where, "kind")
        if kinds is None or not kinds <= _SCORED_CIRCUMSTANCES:
            return (
                "must be limited to accommodation or employment: "
                "health, caring and relationships are not scored"
            )
    if any(_names_interventions(part, counts_kinds=counts_kinds) for part in expressions):
        return "names interventions, some of which are for one sex or age; count different ones instead"
    if names_a_characteristic(name):
        return "says a protected characteristic or a place by its name; rename it"
    return None


def _names_interventions(expression: Condition | Measure, *, counts_kinds: bool) -> bool:
    for part in parts_of(expression):
        if isinstance(part, OneOf) and part.column == _COUNTED_ONLY:
            return True
        if isinstance(part, Value) and part.column == _COUNTED_ONLY and not counts_kinds:
            return True
    return False
