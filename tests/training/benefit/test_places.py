"""Few places: the file that says how many there are, and what the suggestions are worth within them."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from catalogue import load
from catalogue.errors import UsageError
from features.histories import Histories
from tests.conftest import signpost
from training.benefit.places import allocate_places, read_capacity

TSP = "thinking-skills-programme-acp"
MONDAY = date(2026, 3, 30)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("region,week,places\nA,2026-03-30,4\n", "lacks the column intervention_id"),
        (f"region,week,intervention_id,places\nA,30/03/2026,{TSP},4\n", "a week that is not a day"),
        (f"region,week,intervention_id,places\n,2026-03-30,{TSP},4\n", "no region in row 1"),
        (
            "region,week,intervention_id,places\nA,2026-03-30,juggling,4\n",
            "the catalogue does not have in row 1",
        ),
        (f"region,week,intervention_id,places\nA,2026-03-30,{TSP},-1\n", "not a number of at least 0"),
        (f"region,week,intervention_id,places\nA,,{TSP},4\nA,,{TSP},many\n", "in row 2"),
        ("", "cannot be read"),
    ],
)
def test_a_bad_file_gets_one_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "places.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=said) as raised:
        read_capacity(path, load())
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no capacity file"):
        read_capacity(tmp_path / "none.csv", load())


def test_any_day_means_its_week_and_no_week_means_all(tmp_path: Path) -> None:
    path = tmp_path / "places.csv"
    path.write_text(
        f"region,week,intervention_id,places\nA,2026-04-01,{TSP},4\nB,,{TSP},2\n", encoding="utf-8"
    )
    assert read_capacity(path, load())["week"].to_list() == [MONDAY, None]
    path.write_text(f"region,intervention_id,places\nA,{TSP},4\n", encoding="utf-8")
    assert read_capacity(path, load())["week"].to_list() == [None]


def test_places_go_to_those_they_help_most_and_the_rest_is_counted(small_world: Path) -> None:
    histories = Histories.open(small_world)
    people = histories.collect("people").filter(pl.col("region") == "A")["crn"].to_list()[:3]
    candidates = pl.DataFrame(
        {
            "crn": people,
            "as_of": [MONDAY] * 3,
            "intervention_id": [TSP] * 3,
            "effect": [0.01, 0.05, 0.03],
            "feasible": [True, True, False],
            "suggested": [True, True, False],
        }
    )
    capacity = pl.DataFrame(
        {"region": ["A"], "intervention_id": [TSP], "week": [None], "places": [1.0]},
        schema={"region": pl.String, "intervention_id": pl.String, "week": pl.Date, "places": pl.Float64},
    )
    found = allocate_places(candidates, capacity, histories)
    assert found.allocation.placed["person"].to_list() == [f"{people[1]} {MONDAY}"]
    assert found.allocation.gain == pytest.approx(0.05 / 3)
    assert found.unmet.select("eligible", "suggested", "without_place", "none_feasible").sum().row(0) == (
        3,
        2,
        1,
        1,
    )


def test_the_command_values_the_policy_within_places(
    small_world: Path, trained_bundle: Path, tmp_path: Path
) -> None:
    places, out = tmp_path / "places.csv", tmp_path / "value.json"
    places.write_text(
        "region,intervention_id,places\n" + "".join(f"{region},{TSP},1\n" for region in "ABCDEFGHIJKL"),
        encoding="utf-8",
    )
    common = ["evaluate-policy", "--histories", small_world, "--bundle", trained_bundle, "--out", out]
    done = signpost(*map(str, common), "--capacity", str(places))
    assert done.returncode == 0, done.stderr
    assert "within the places given" in done.stdout
    found = json.loads(out.read_text())
    assert set(found["policies"]) == {"first_suggestion", "first_by_effect", "within_capacity"}
    assert 0 <= found["capacity"]["gain_per_person"] <= found["capacity"]["gain_per_person_without_limits"]
    assert all(
        row["without_place"] <= row["suggested"] <= row["eligible"] for row in found["capacity"]["unmet"]
    )
    places.write_text("region,places\nA,1\n", encoding="utf-8")
    refused = signpost(*map(str, common), "--capacity", str(places))
    assert refused.returncode == 2
    assert "lacks the column intervention_id" in refused.stderr
