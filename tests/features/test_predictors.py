"""The published formulae: their own vectors, their bands, and laws that any version of them must keep."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import features.predictors
from features.predictors import offence_weight, ogp, ogp_points, ogrs3, ovp, ovp_points

PUBLISHED = json.loads(
    (Path(features.predictors.__file__).parent / "facts/ogrs3-parameters.json").read_text(encoding="utf-8")
)


def whole_years(earlier: str, later: str) -> int:
    (y1, m1, d1), (y2, m2, d2) = (map(int, day.split("-")) for day in (earlier, later))
    return y2 - y1 - ((m2, d2) < (m1, d1))


@pytest.mark.parametrize(
    "vector", PUBLISHED["ogrs3"]["test_vectors"], ids=lambda vector: vector["offence_code"]
)
def test_ogrs3_gives_its_published_vectors(vector: dict[str, object]) -> None:
    born = str(vector["dob"])
    found = ogrs3(
        male=vector["sex"] == "MALE",
        age_at_followup=whole_years(born, str(vector["followup_date"])),
        age_at_conviction=whole_years(born, str(vector["conviction_date"])),
        age_first_sanction=vector["age_first"],
        sanctions=vector["sanctions"],
        weight=offence_weight(str(vector["offence_code"])),
    )
    assert (int(found.one_year), int(found.two_year)) == (vector["one_year"], vector["two_year"])


def test_ovp_gives_its_published_vector() -> None:
    (vector,) = PUBLISHED["ovp"]["test_vectors"]
    points = ovp_points(
        male=True,
        age_at_followup=19,
        sanctions=31,
        violent_sanctions=17,
        impact_not_recognised=True,
        no_fixed_abode=True,
        unemployed=True,
        alcohol=1,
        psychiatric_treatment=False,
        temper=2,
        attitudes=1,
    )
    found = ovp(points)
    assert (int(points), int(found.one_year), int(found.two_year)) == (
        vector["points"],
        vector["one_year"],
        vector["two_year"],
    )


@pytest.mark.parametrize(
    ("inputs", "points"),
    [
        # round(0.6 * 50) = 30, homeless 5, out of work 5, activities 2 -> 5, round(3.75 * 2) = 8 (half up),
        # round(5/6 * 3) = 3 (half up), attitudes 1 -> 3
        ((50, True, True, 2, 2, 3, 1), 59),
        ((0, False, False, 0, 0, 0, 0), 0),
        ((100, True, True, 2, 4, 6, 2), 100),
    ],
)
def test_ogp_points_by_hand(inputs: tuple[int, bool, bool, int, int, int, int], points: int) -> None:
    names = (
        "ogrs3_two_year",
        "no_fixed_abode",
        "unemployed",
        "offending_activities",
        "drugs",
        "thinking",
        "attitudes",
    )
    assert int(ogp_points(**dict(zip(names, inputs, strict=True)))) == points


@pytest.mark.parametrize(("points", "two_year"), [(0, 4), (50, 50), (100, 96)])
def test_ogp_percentages_by_hand(points: int, two_year: int) -> None:
    assert int(ogp(points).two_year) == two_year


@pytest.mark.parametrize(
    ("code", "weight"), [("030", 0.2406), ("03000", 0.2406), ("00832", -0.0607), ("00801", 0.0)]
)
def test_a_sub_code_goes_before_its_group(code: str, weight: float) -> None:
    assert offence_weight(code) == weight


@pytest.mark.parametrize("code", ["950", "08800", "600", ""])
def test_an_offence_without_a_weight_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="OGRS3 has no weight"):
        offence_weight(code)


people = {
    "male": st.booleans(),
    "age": st.integers(18, 80),
    "years": st.integers(0, 40),
    "sanctions": st.integers(1, 90),
    "code": st.sampled_from(["030", "046", "077", "092", "105"]),
}


@given(**people)
def test_one_more_sanction_never_lowers_ogrs3(
    *, male: bool, age: int, years: int, sanctions: int, code: str
) -> None:
    first = max(10, age - years)
    found = ogrs3(
        male=[male, male],
        age_at_followup=[age, age],
        age_at_conviction=[age, age],
        age_first_sanction=[first, first],
        sanctions=[sanctions, sanctions + 1],
        weight=offence_weight(code),
    )
    assert found.two_year[1] >= found.two_year[0]
    assert np.all(found.two_year >= found.one_year)


@given(age=st.integers(18, 90), other=st.integers(1, 60), violent=st.integers(0, 40))
def test_one_more_violent_sanction_never_lowers_ovp(age: int, other: int, violent: int) -> None:
    rest = dict.fromkeys(
        ("impact_not_recognised", "no_fixed_abode", "unemployed", "psychiatric_treatment"), False
    ) | dict.fromkeys(("alcohol", "temper", "attitudes"), 0)
    points = ovp_points(
        male=True,
        age_at_followup=age,
        sanctions=[violent + other, violent + other + 1],
        violent_sanctions=[violent, violent + 1],
        **rest,
    )
    assert points[1] >= points[0]


@pytest.mark.parametrize(
    ("age", "points"), [(18, 20), (19, 20), (20, 17), (30, 10), (31, 8), (50, 2), (51, 0), (80, 0)]
)
def test_ovp_age_bands_end_where_published(age: int, points: int) -> None:
    found = ovp_points(
        male=False,
        age_at_followup=age,
        sanctions=1,
        violent_sanctions=0,
        impact_not_recognised=False,
        no_fixed_abode=False,
        unemployed=False,
        alcohol=0,
        psychiatric_treatment=False,
        temper=0,
        attitudes=0,
    )
    assert int(found) == points + 5


def test_impossible_histories_are_refused() -> None:
    with pytest.raises(ValueError, match="first sanction no later"):
        ogrs3(
            male=True,
            age_at_followup=30,
            age_at_conviction=30,
            age_first_sanction=31,
            sanctions=1,
            weight=0.0,
        )
    with pytest.raises(ValueError, match="age of ten"):
        ogrs3(
            male=True, age_at_followup=9, age_at_conviction=9, age_first_sanction=9, sanctions=1, weight=0.0
        )
