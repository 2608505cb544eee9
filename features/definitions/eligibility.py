"""The facts that eligibility rules ask about, as features under the catalogue's own names.

They go through the same evaluators as everything else; `features.subject` adds what
is not one value of one event (lists, age, setting), and says which assessment answers
(docs/decisions/0203-which-assessment-answers.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from catalogue.pni import LAYER_NEEDED
from features.contract import TABLES, ColumnKind
from features.expressions import (
    ALWAYS,
    AtLeast,
    Condition,
    Covers,
    DaysBetween,
    DaysFrom,
    DaysUntil,
    Every,
    Measure,
    Not,
    Recorded,
    Value,
)
from features.spec import Aggregator, Feature, FeatureSpec, Use

_WHY = "A criterion of the catalogue asks about it."
_USES = frozenset({Use.ELIGIBILITY})
RUNNING = Covers("starts_on", "ends_on")
FULL = AtLeast("layer", LAYER_NEEDED)
"""The condition that an assessment is a full one."""
# A level that a shorter assessment revises by itself: the latest that states one counts, a full one also when it does not.
_REVISED = {"rosh": Not(Every((Not(FULL), Not(Recorded("rosh")))))}
_ELSEWHERE = frozenset({"crn", "assessment_id", "completed_on", "known_on", "layer", *_REVISED})
_ANSWERS = tuple(column for column in TABLES["assessments"].names if column not in _ELSEWHERE)
OF_ONE_ASSESSMENT = ("assessment_age_days", "assessment_layer", *_ANSWERS)
"""Facts that belong to one assessment and are taken together, its age and its layer among them."""
ASSESSED_ALONE = tuple(_REVISED)
"""Facts of an assessment that stand by themselves."""


def _fact(name: str, stream: str, aggregator: Aggregator, **parts: object) -> Feature:
    return Feature(
        name=name,
        label=name.replace("_", " "),
        why=_WHY,
        stream=stream,
        aggregator=aggregator,
        uses=_USES,
        **parts,  # type: ignore[arg-type]  # optional parts, checked by Feature itself
    )


def _running(name: str, value: Measure) -> Feature:
    return _fact(name, "sentences", Aggregator.VALUE_AT, value=value, during=RUNNING)


def full_fact(name: str) -> str:
    """The name of the fact as the latest full assessment has it; the plain name is that of the latest of any layer."""
    return f"full_{name}"


def _assessments() -> Iterator[Feature]:
    named: tuple[tuple[Callable[[str], str], Condition], ...] = ((str, ALWAYS), (full_fact, FULL))
    for of_layer, where in named:
        yield _fact(of_layer("assessment_age_days"), "assessments", Aggregator.DAYS_SINCE, where=where)
        for name, column in (("assessment_layer", "layer"), *((each, each) for each in _ANSWERS)):
            yield _fact(of_layer(name), "assessments", Aggregator.LAST, value=Value(column), where=where)
    for name, stated in _REVISED.items():
        yield _fact(name, "assessments", Aggregator.LAST, value=Value(name), where=stated)


FACTS = FeatureSpec(
    (
        *(
            _fact(name, "people", Aggregator.LAST, value=Value(name))
            for name in ("sex", "region", "pdu", "needs_interpreter", "reads_simple_sentences")
        ),
        _fact("days_since_birth", "people", Aggregator.LAST, value=DaysFrom("date_of_birth")),
        _running("sentence_type", Value("sentence_type")),
        _fact(
            "sentence_type_to_come",
            "sentences",
            Aggregator.LAST,
            value=Value("sentence_type"),
            where=Not(Recorded("starts_on")),
        ),
        _running("days_left", DaysUntil("ends_on")),
        _running("sentence_length_days", DaysBetween("starts_on", "ends_on")),
        _running("rar_days", Value("rar_days")),
        _fact("previous_sanctions", "sentences", Aggregator.LAST, value=Value("previous_sanctions")),
        _fact("sentences_known", "sentences", Aggregator.COUNT),
        *_assessments(),
    )
)

assert all(TABLES["assessments"].column(name).kind is not ColumnKind.DATE for name in _ANSWERS)
