"""Facts about the person that never score: eligibility, adjustments, and what the audit needs."""

from __future__ import annotations

from features.expressions import OneOf, Value
from features.spec import Aggregator, Feature, Use

_ELIGIBILITY = frozenset({Use.ELIGIBILITY})
_AUDIT = frozenset({Use.AUDIT})

PEOPLE = (
    Feature(
        name="needs_interpreter",
        label="Needs an interpreter",
        why="An adjustment to consider, never a score.",
        stream="people",
        aggregator=Aggregator.LAST,
        value=Value("needs_interpreter"),
        uses=_ELIGIBILITY,
    ),
    Feature(
        name="reads_simple_sentences",
        label="Reads simple sentences",
        why="Written material may have to be adjusted.",
        stream="people",
        aggregator=Aggregator.LAST,
        value=Value("reads_simple_sentences"),
        uses=_ELIGIBILITY,
    ),
    Feature(
        name="learning_screen_subtotal",
        label="Learning screen",
        why="Adapted programmes are for people it points to.",
        stream="assessments",
        aggregator=Aggregator.LAST,
        value=Value("learning_screen_subtotal"),
        uses=_ELIGIBILITY,
        unit="points",
    ),
    Feature(
        name="acute_mental_health",
        label="Acute mental health need",
        why="Programmes ask for stability first; treatment may come before.",
        stream="assessments",
        aggregator=Aggregator.LAST,
        value=Value("acute_mental_health"),
        uses=_ELIGIBILITY,
    ),
)

DECISIONS = (
    Feature(
        name="suggestions_departed_from",
        label="Decisions that departed from a suggestion",
        why="The human stage is audited by direction.",
        stream="decisions",
        aggregator=Aggregator.COUNT,
        where=OneOf("action", ("DEPARTED",)),
        uses=_AUDIT,
        unit="decisions",
    ),
    Feature(
        name="suggestions_contested",
        label="Decisions the person contested",
        why="Contests are audited by group.",
        stream="decisions",
        aggregator=Aggregator.COUNT,
        where=OneOf("action", ("CONTESTED",)),
        uses=_AUDIT,
        unit="decisions",
    ),
)
