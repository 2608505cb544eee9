"""The sentence that is running, what it asks, and the sentences before it."""

from __future__ import annotations

from features.expressions import (
    AtLeast,
    Condition,
    Contains,
    Covers,
    DaysBetween,
    DaysFrom,
    DaysUntil,
    Measure,
    OneOf,
    Value,
)
from features.spec import Aggregator, Direction, Feature

_RUNNING = Covers("starts_on", "ends_on")


def _running(
    name: str, label: str, why: str, value: Measure, *, unit: str, direction: Direction | None = None
) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="sentences",
        aggregator=Aggregator.VALUE_AT,
        value=value,
        during=_RUNNING,
        unit=unit,
        direction=direction,
    )


def _ever(name: str, label: str, why: str, where: Condition, *, window: int | None = None) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="sentences",
        aggregator=Aggregator.EVER,
        where=where,
        window=window,
    )


SENTENCES = (
    _running(
        "sentence_type",
        "Type of the running sentence",
        "Orders and licences differ in who is sent where, and in what follows absence.",
        Value("sentence_type"),
        unit="",
    ),
    _running(
        "days_left",
        "Days left of the running sentence",
        "Too little time left is why many never start.",
        DaysUntil("ends_on"),
        unit="days",
        direction=Direction.HIGHER_HELPS,
    ),
    _running(
        "days_into_sentence",
        "Days into the running sentence",
        "Early weeks are when people start.",
        DaysFrom("starts_on"),
        unit="days",
    ),
    _running(
        "sentence_length_days",
        "Length of the running sentence",
        "Longer sentences leave room for longer programmes.",
        DaysBetween("starts_on", "ends_on"),
        unit="days",
    ),
    _running(
        "rar_days",
        "Rehabilitation activity days of the running sentence",
        "Days that can be spent on structured work.",
        Value("rar_days"),
        unit="days",
    ),
    Feature(
        name="previous_sanctions",
        label="Previous sanctions",
        why="Effects are larger with more previous offences (Hillier and Mews 2018).",
        stream="sentences",
        aggregator=Aggregator.LAST,
        value=Value("previous_sanctions"),
        unit="sanctions",
        direction=Direction.HIGHER_HINDERS,
    ),
    Feature(
        name="sentences_running",
        label="Sentences running",
        why="Several orders at once compete for the same days.",
        stream="sentences",
        aggregator=Aggregator.COUNT,
        where=_RUNNING,
        unit="sentences",
    ),
    Feature(
        name="sentences_in_three_years",
        label="Sentences in three years",
        why="Frequent sentences interrupt delivery.",
        stream="sentences",
        aggregator=Aggregator.COUNT,
        window=3 * 365,
        unit="sentences",
        direction=Direction.HIGHER_HINDERS,
    ),
    Feature(
        name="days_since_sentenced",
        label="Days since last sentenced",
        why="Readiness fades with time from sentence.",
        stream="sentences",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
    ),
    Feature(
        name="longest_gap_between_sentences",
        label="Longest time between sentences",
        why="Offence-free time lowers risk (OGRS4).",
        stream="sentences",
        aggregator=Aggregator.LONGEST_GAP,
        unit="days",
        direction=Direction.HIGHER_HELPS,
    ),
    _ever(
        "custody_or_licence_before",
        "Has been in custody or on licence",
        "Release is when engagement is hardest to keep.",
        OneOf("sentence_type", ("CUSTODY", "LICENCE")),
    ),
    _ever(
        "many_previous_sanctions",
        "Ten or more previous sanctions",
        "A long record goes with dropping out.",
        AtLeast("previous_sanctions", 10),
    ),
    _ever(
        "offence_acquisitive",
        "An acquisitive offence is sentenced",
        "Goes with drug need and with reconviction.",
        Contains("offence_types", "ACQUISITIVE"),
    ),
    _ever(
        "offence_violence",
        "An offence of general violence is sentenced",
        "Decides which programmes fit.",
        Contains("offence_types", "GENERAL_VIOLENCE"),
    ),
    _ever(
        "offence_domestic_abuse",
        "An offence of domestic abuse is sentenced",
        "Decides which programmes fit.",
        Contains("offence_types", "DOMESTIC_ABUSE"),
    ),
    _ever(
        "offence_sexual",
        "A sexual offence is sentenced",
        "Decides which programmes fit.",
        Contains("offence_types", "SEXUAL"),
    ),
    _ever(
        "offence_substance",
        "An offence of drugs or drink is sentenced",
        "Points to treatment.",
        Contains("offence_types", "SUBSTANCE"),
    ),
    _ever(
        "offence_driving",
        "A driving offence is sentenced",
        "Points to driving courses.",
        Contains("offence_types", "DRIVING"),
    ),
    _ever(
        "past_violence",
        "Past offences include general violence",
        "Pattern, not only the present offence.",
        Contains("past_offence_types", "GENERAL_VIOLENCE"),
    ),
)

_TREATMENT = OneOf("requirement_type", ("DRUG_REHABILITATION", "ALCOHOL_TREATMENT"))


def _required(
    name: str,
    label: str,
    why: str,
    aggregator: Aggregator,
    where: Condition,
    *,
    value: Measure | None = None,
    unit: str = "",
) -> Feature:
    return Feature(
        name=name,
        label=label,
        why=why,
        stream="requirements",
        aggregator=aggregator,
        where=where,
        value=value,
        window=3 * 365,
        unit=unit,
    )


REQUIREMENTS = (
    Feature(
        name="requirement_kinds",
        label="Kinds of requirement imposed in three years",
        why="Many demands at once compete for the same days.",
        stream="requirements",
        aggregator=Aggregator.DISTINCT,
        value=Value("requirement_type"),
        window=3 * 365,
        unit="kinds",
        direction=Direction.HIGHER_HINDERS,
    ),
    _required(
        "programme_required",
        "An accredited programme is a requirement",
        "A programme ordered by the court: two in five of these never start.",
        Aggregator.EVER,
        OneOf("requirement_type", ("ACCREDITED_PROGRAMME",)),
    ),
    _required(
        "treatment_required",
        "Drug or alcohol treatment is a requirement",
        "Treatment comes before skills work.",
        Aggregator.EVER,
        _TREATMENT,
    ),
    _required(
        "unpaid_work_hours",
        "Hours of unpaid work imposed in three years",
        "Hours of work compete with sessions.",
        Aggregator.SUM,
        OneOf("unit", ("HOURS",)),
        value=Value("length"),
        unit="hours",
    ),
    _required(
        "rar_required",
        "Rehabilitation activity is a requirement",
        "Gives structured and commissioned work its days.",
        Aggregator.EVER,
        OneOf("requirement_type", ("RAR",)),
    ),
    _required(
        "restricted_movement",
        "A curfew or exclusion is a requirement",
        "Limits evenings and places that sessions can use.",
        Aggregator.EVER,
        OneOf("requirement_type", ("CURFEW", "EXCLUSION")),
    ),
    Feature(
        name="days_since_requirement",
        label="Days since a requirement was imposed",
        why="Readiness fades with time from sentence.",
        stream="requirements",
        aggregator=Aggregator.DAYS_SINCE,
        unit="days",
    ),
)
