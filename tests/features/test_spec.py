"""What a feature may be: nothing protected is scored, nothing contradicts itself, the hash is the content."""

from dataclasses import replace
from pathlib import Path

import pytest

from features.contract import TABLES, Column
from features.definitions import INFLIGHT, SPEC
from features.definitions.prompts import CHANGE_FACTS
from features.describe import page
from features.expressions import (
    ALWAYS,
    Answered,
    AtLeast,
    Contains,
    Covers,
    DaysFrom,
    Every,
    Holds,
    IsTrue,
    KnownWithin,
    Not,
    OneOf,
    Recorded,
    Total,
    Value,
)
from features.permitted import NEVER_SCORED
from features.spec import Aggregator, Derived, Feature, FeatureSpec, Operation, SpecError, Use
from features.streams import STREAMS

PARTS = {"name": "x", "label": "An x", "why": "Because.", "aggregator": Aggregator.LAST}
SCORED = frozenset({Use.SCORING})


def feature(**parts: object) -> Feature:
    return Feature(**{**PARTS, "uses": SCORED, **parts})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("stream", "value"),
    [
        ("people", Value("sex")),
        ("people", DaysFrom("date_of_birth")),
        ("people", Value("region")),
        ("people", Value("needs_interpreter")),
        ("sentences", Value("age_first_sanction")),
        ("assessments", Value("maturity_flag")),
        ("assessments", Value("acute_mental_health")),
        ("assessments", Total(("s8_drugs", "learning_screen_subtotal"))),
        ("referrals", Value("venue")),
    ],
)
def test_what_is_protected_cannot_be_scored(stream: str, value: Value) -> None:
    with pytest.raises(SpecError):
        feature(stream=stream, value=value)
    feature(stream=stream, value=value, uses=frozenset({Use.ELIGIBILITY}))


@pytest.mark.parametrize("aggregator", [Aggregator.COUNT, Aggregator.EVER, Aggregator.DAYS_SINCE])
@pytest.mark.parametrize("column", ["sex", "region"])
def test_a_condition_is_no_way_round(aggregator: Aggregator, column: str) -> None:
    with pytest.raises(SpecError):
        feature(stream="people", aggregator=aggregator, where=OneOf(column, ("FEMALE",)))


@pytest.mark.parametrize(
    "where",
    [
        ALWAYS,
        OneOf("kind", ("HEALTH",)),
        OneOf("kind", ("ACCOMMODATION", "RELATIONSHIP")),
        Every((Recorded("kind"), OneOf("value", ("YES",)))),
    ],
)
def test_only_home_and_work_are_scored_of_circumstances(where: OneOf) -> None:
    with pytest.raises(SpecError):
        feature(stream="circumstances", aggregator=Aggregator.COUNT, where=where)


@pytest.mark.parametrize(
    "parts",
    [
        {"aggregator": Aggregator.EVER, "where": OneOf("intervention_id", ("womens-services-crs",))},
        {"aggregator": Aggregator.COUNT, "where": Not(OneOf("intervention_id", ("womens-services-crs",)))},
        {
            "aggregator": Aggregator.MEAN,
            "value": Holds(Every((OneOf("intervention_id", ("womens-services-crs",)),))),
        },
        {"aggregator": Aggregator.RATE, "of": OneOf("intervention_id", ("womens-services-crs",))},
        {"value": Value("intervention_id")},
    ],
    ids=str,
)
def test_an_intervention_for_one_sex_is_no_way_round(parts: dict[str, object]) -> None:
    with pytest.raises(SpecError, match="names interventions"):
        feature(stream="referrals", **parts)
    feature(stream="referrals", aggregator=Aggregator.DISTINCT, value=Value("intervention_id"))


def test_what_people_did_with_suggestions_is_not_scored() -> None:
    with pytest.raises(SpecError, match="feed on itself"):
        feature(stream="decisions", aggregator=Aggregator.COUNT)


def test_a_characteristic_hidden_in_a_part_of_another_feature_is_not_scored() -> None:
    """A derived feature may be used only as both its parts may."""
    age = feature(
        name="days_of_life",
        stream="people",
        value=DaysFrom("date_of_birth"),
        uses=frozenset({Use.ELIGIBILITY}),
    )
    count = feature(name="count", stream="contacts", aggregator=Aggregator.COUNT)
    with pytest.raises(SpecError, match="no use"):
        Derived(name="x", label="x", why="x", operation=Operation.DIFFERENCE, left=age, right=count)


SCORED_COLUMNS = [
    (stream.name, column)
    for stream in STREAMS.values()
    for column in stream.columns
    if column.name in NEVER_SCORED
]


@pytest.mark.parametrize(("stream", "column"), SCORED_COLUMNS, ids=lambda part: getattr(part, "name", part))
@pytest.mark.parametrize("place", ["value", "where", "of", "not"])
def test_no_place_in_a_feature_takes_a_column_that_is_never_scored(
    stream: str, column: Column, place: str
) -> None:
    asked = Recorded(column.name)
    parts: dict[str, dict[str, object]] = {
        "value": {"value": Answered((column.name,))},
        "where": {"aggregator": Aggregator.COUNT, "where": asked},
        "of": {"aggregator": Aggregator.RATE, "of": asked},
        "not": {"aggregator": Aggregator.EVER, "where": Every((Not(asked),))},
    }
    with pytest.raises(SpecError):
        feature(stream=stream, **parts[place])
    feature(stream=stream, uses=frozenset({Use.ELIGIBILITY}), **parts[place])


def test_protected_is_no_stream() -> None:
    assert "protected" not in STREAMS
    with pytest.raises(SpecError):
        feature(stream="protected", value=Value("ethnicity"))


@pytest.mark.parametrize("name", ["age", "sex_of_person", "her_ethnicity", "region_risk", "Days", "a__b", ""])
def test_a_name_says_no_characteristic_and_is_snake_case(name: str) -> None:
    with pytest.raises(SpecError):
        feature(stream="contacts", aggregator=Aggregator.COUNT, name=name)


@pytest.mark.parametrize(
    "parts",
    [
        {"stream": "nowhere", "value": Value("x")},
        {"stream": "contacts", "value": Value("motivation")},
        {"stream": "contacts"},  # LAST of nothing
        {"stream": "contacts", "aggregator": Aggregator.PREVIOUS},
        {
            "stream": "decisions",
            "aggregator": Aggregator.EVER,
            "where": KnownWithin(28),
            "uses": frozenset({Use.AUDIT}),
        },
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "value": Value("outcome")},
        {"stream": "contacts", "aggregator": Aggregator.RATE},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "of": ALWAYS},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "window": 0},
        {"stream": "sentences", "aggregator": Aggregator.VALUE_AT, "value": Value("rar_days")},
        {"stream": "sentences", "value": Value("rar_days"), "during": Covers("starts_on", "ends_on")},
        {"stream": "sentences", "value": Value("ends_on")},  # a day is no value
        {
            "stream": "assessments",
            "aggregator": Aggregator.SUM,
            "value": Value("ogrs_2yr"),
        },  # no whole number
        {"stream": "assessments", "aggregator": Aggregator.TREND, "value": Value("rosh")},
        {"stream": "assessments", "aggregator": Aggregator.CHANGE_SINCE, "value": Value("rosh"), "since": 90},
        {"stream": "assessments", "aggregator": Aggregator.CHANGE_SINCE, "value": Value("motivation")},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "uses": frozenset()},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "why": ""},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "where": OneOf("outcome", ("LATE",))},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "where": AtLeast("outcome", 1)},
        {"stream": "contacts", "aggregator": Aggregator.COUNT, "where": IsTrue("kind")},
        {"stream": "assessments", "aggregator": Aggregator.COUNT, "where": OneOf("motivation", ("1",))},
        {"stream": "sentences", "aggregator": Aggregator.COUNT, "where": Covers("rar_days", "ends_on")},
        {"stream": "sentences", "aggregator": Aggregator.EVER, "where": Contains("offence_types", "ARSON")},
        {"stream": "assessments", "value": Total(("ogrs_2yr", "rsr"))},
        {"stream": "assessments", "value": DaysFrom("motivation")},
    ],
    ids=str,
)
def test_a_feature_that_does_not_hold_together_is_refused(parts: dict[str, object]) -> None:
    with pytest.raises(SpecError, match=r"^The feature.*\.$"):
        feature(**parts)


def test_the_specification_is_large_enough_and_reaches_everything() -> None:
    plain = [f for f in SPEC.features if isinstance(f, Feature)]
    assert len(SPEC.select({Use.SCORING}).features) >= 90
    assert {f.stream for f in plain} == set(STREAMS)
    assert {f.aggregator for f in (*plain, *CHANGE_FACTS.parts)} == set(Aggregator)
    assert all(f.label and f.why for f in (*SPEC.features, *INFLIGHT.features))


def test_a_name_stands_once() -> None:
    first = SPEC.features[0]
    with pytest.raises(SpecError, match="twice"):
        FeatureSpec((first, first))
    with pytest.raises(SpecError):
        FeatureSpec(())
    with pytest.raises(SpecError):
        SPEC.only("no_such_feature")


def test_the_hash_is_of_what_is_computed() -> None:
    first, *rest = SPEC.features
    assert isinstance(first, Feature)
    changed = {
        "window": replace(first, window=30),
        "name": replace(first, name="other"),
        "uses": replace(first, uses=frozenset({Use.AUDIT})),
    }
    for other in changed.values():
        assert FeatureSpec((other, *rest)).hash != SPEC.hash
    assert FeatureSpec((replace(first, label="Better said"), *rest)).hash == SPEC.hash
    assert FeatureSpec((*rest, first)).hash != SPEC.hash
    assert SPEC.hash != INFLIGHT.hash


def test_codes_of_a_feature_are_fixed_by_the_contract() -> None:
    by_name = {f.name: f for f in SPEC.features}
    assert by_name["rosh"].categories == TABLES["assessments"].column("rosh").allowed
    assert by_name["accommodation"].categories == (
        "SETTLED",
        "TRANSIENT",
        "NO_FIXED_ABODE",
        "APPROVED_PREMISES",
    )
    assert by_name["motivation"].categories == ()


def test_the_page_of_features_is_current() -> None:
    written = Path(__file__).parents[2] / "docs" / "features.md"
    assert written.read_text(encoding="utf-8") == page(), "run: python -m features.describe docs/features.md"
