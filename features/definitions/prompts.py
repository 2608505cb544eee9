"""The facts that prompts are made from: what changed lately, and which days checks count from.

No model reads them. The rules over them are in `scoring.inflight.prompts`.
"""

from __future__ import annotations

from catalogue.pni import LAYER_NEEDED
from features.definitions.supervision import HOUSING, IN_WORK, MISSED, SETTLED, WORK
from features.expressions import (
    ALWAYS,
    AtLeast,
    Condition,
    DaysUntil,
    Every,
    Holds,
    KnownWithin,
    Measure,
    Recorded,
    Value,
)
from features.spec import Aggregator, Feature, FeatureSpec, Use

RECENT_DAYS = 28
"""A fact is new when it became known within this many days."""
QUIET_DAYS = 84
"""A pattern of absence is new when it follows this many days without one."""

_LATELY = KnownWithin(RECENT_DAYS)
_HOUSED = Every((HOUSING, Recorded("value")))
_OCCUPIED = Every((WORK, Recorded("value")))
_PREDICTED = Recorded("ogrs_2yr")
_SINCE_QUIET = RECENT_DAYS + QUIET_DAYS


def _fact(
    name: str,
    label: str,
    stream: str,
    aggregator: Aggregator,
    *,
    value: Measure | None = None,
    where: Condition = ALWAYS,
    window: int | None = None,
    unit: str = "",
) -> Feature:
    return Feature(
        name=name,
        label=label,
        why="A prompt asks about it.",
        stream=stream,
        aggregator=aggregator,
        value=value,
        where=where,
        window=window,
        unit=unit,
        uses=frozenset({Use.PROMPT}),
    )


def _circumstance(name: str, words: str, where: Condition, good: Condition) -> tuple[Feature, ...]:
    """Whether the latest record is a good one, whether the one before was, and whether the latest is new."""
    stream = "circumstances"
    return (
        _fact(name, f"{words} at the latest record", stream, Aggregator.LAST, value=Holds(good), where=where),
        _fact(
            f"{name}_before",
            f"{words} at the record before",
            stream,
            Aggregator.PREVIOUS,
            value=Holds(good),
            where=where,
        ),
        _fact(
            f"{name}_is_new",
            f"{words}: the latest record is new",
            stream,
            Aggregator.LAST,
            value=Holds(_LATELY),
            where=where,
        ),
    )


def _missed(name: str, what: str, stream: str) -> tuple[Feature, ...]:
    return tuple(
        _fact(
            f"{name}_in_{days}_days",
            f"{what} missed without reason in {days} days",
            stream,
            Aggregator.COUNT,
            where=MISSED,
            window=days,
            unit=what.lower(),
        )
        for days in (RECENT_DAYS, _SINCE_QUIET)
    )


CHANGE_FACTS = FeatureSpec(
    (
        *_circumstance("settled", "Settled accommodation", _HOUSED, SETTLED),
        *_circumstance("in_work", "In work or training", _OCCUPIED, IN_WORK),
        *_missed("appointments_missed", "Appointments", "contacts"),
        *_missed("all_sessions_missed", "Sessions", "sessions"),
        _fact(
            "predictor",
            "Official risk of reoffending, latest",
            "assessments",
            Aggregator.LAST,
            value=Value("ogrs_2yr"),
            where=_PREDICTED,
            unit="%",
        ),
        _fact(
            "predictor_before",
            "Official risk of reoffending, the one before",
            "assessments",
            Aggregator.PREVIOUS,
            value=Value("ogrs_2yr"),
            where=_PREDICTED,
            unit="%",
        ),
        _fact(
            "predictor_is_new",
            "The latest official risk of reoffending is new",
            "assessments",
            Aggregator.LAST,
            value=Holds(_LATELY),
            where=_PREDICTED,
        ),
        _fact(
            "enforcement_is_new",
            "A step of enforcement is new",
            "enforcement",
            Aggregator.EVER,
            where=_LATELY,
        ),
    )
)
"""What `scoring.inflight.prompts.changed` reads."""

CHECK_FACTS = FeatureSpec(
    (
        _fact(
            "days_to_last_end",
            "Days to the last end of a sentence",
            "sentences",
            Aggregator.MAX,
            value=DaysUntil("ends_on"),
            unit="days",
        ),
        _fact(
            "full_assessment_age_days",
            "Days since the last full assessment",
            "assessments",
            Aggregator.DAYS_SINCE,
            where=AtLeast("layer", LAYER_NEEDED),
            unit="days",
        ),
    )
)
"""What `scoring.inflight.prompts.due` reads, with the requirements and interventions of which there may be several."""
