"""Worlds are declared: those of the project load, a reader's own does too, and a slip is an error."""

import dataclasses
import math
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from catalogue.errors import UsageError
from worlds import generate
from worlds.settings import WorldSettings, load_settings, world_names

START, END = date(2022, 1, 1), date(2023, 12, 31)


def test_the_six_worlds_are_there() -> None:
    assert world_names() == ("baseline", "disparity", "national", "null", "shifted", "sparse")


@pytest.mark.parametrize("name", world_names())
def test_every_world_loads_under_its_name_and_says_what_it_is(name: str) -> None:
    world = load_settings(name)
    assert world.name == name
    assert world.description


def test_what_sets_the_worlds_apart() -> None:
    assert load_settings("baseline").document() | {"description": ""} == WorldSettings().document()
    assert load_settings("null").effect_scale == 0
    assert load_settings("shifted").disruption_places < 1
    assert load_settings("sparse").section_missing > 3 * WorldSettings().section_missing
    assert {one.kind for one in load_settings("disparity").planted} == {
        "OFFER",
        "RECORDING",
        "TRAVEL",
        "ENFORCEMENT",
    }
    assert load_settings("national").pdus_per_region == 9


def test_a_readers_own_world(tmp_path: Path) -> None:
    own = tmp_path / "wales.yaml"
    own.write_text(
        "effect_scale: 2\npdus_per_region: 4\ndisruption_from: 2024-01-01\ndisruption_to: 2024-06-30\n"
    )
    world = load_settings(own)
    assert (world.name, world.effect_scale, world.pdus_per_region) == ("wales", 2.0, 4)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("efect_scale: 1\n", "unknown key 'efect_scale'"),
        ("effect_scale: much\n", "effect_scale the wrong kind"),
        ("pdus_per_region: 1.5\n", "pdus_per_region the wrong kind"),
        ("pdus_per_region: 0\n", "between 1 and 99"),
        ("section_missing: 1.2\n", "section_missing is a share"),
        ("effect_scale: .nan\n", "effect_scale must lie between 0 and 10"),
        ("effect_scale: .inf\n", "effect_scale must lie between 0 and 10"),
        ("effect_scale: 1000000\n", "effect_scale must lie between 0 and 10"),
        (f"effect_scale: 1{'0' * 400}\n", "effect_scale must lie between 0 and 10"),
        ("confounding: -1\n", "confounding must lie between 0 and 10"),
        ("dropout_harm: -0.1\n", "dropout_harm must lie between 0 and 5"),
        ("provision: .nan\n", "provision must lie between 0 and 10"),
        ("deaths: .nan\n", "deaths is a share"),
        ("disruption_places: 1.1\n", "disruption_places must lie between 0 and 1"),
        ("disruption_waiting_weeks: -6\n", "disruption_waiting_weeks must lie between 0 and 104"),
        ("disruption_from: 2024-06-30\ndisruption_to: 2024-01-01\n", "disruption_to is before"),
        ("disruption_from: 2024-01-01 10:00:00\ndisruption_to: 2024-06-30\n", "wrong kind"),
        ("disruption_from: 2024-13-45\n", "not readable YAML"),
        ("effect_scale: 1\neffect_scale: 0\n", "gives a key twice"),
        ("planted: [{kind: RECORDING, characteristic: sex, groups: [FEMALE], size: 1.5}]\n", "from 0 to 1"),
        ("planted: [{kind: OFFER, characteristic: sex, groups: [FEMALE], size: .nan}]\n", "from 0 to 10"),
        ("disruption_from: 2024-01-01\n", "both disruption_from and disruption_to"),
        ("disruption_remote: maybe\n", "disruption_remote the wrong kind"),
        ("- a list\n", "holds no settings"),
        ("a: [\n", "not readable YAML"),
        ("planted: [{kind: OFFER, characteristic: sex, groups: [FEMALE]}]\n", "has exactly the keys"),
        ("planted: [{kind: BIAS, characteristic: sex, groups: [FEMALE], size: 1}]\n", "kind 'BIAS'"),
        (
            "planted: [{kind: OFFER, characteristic: height, groups: [TALL], size: 1}]\n",
            "characteristic 'height'",
        ),
        ("planted: [{kind: OFFER, characteristic: ethnicity, groups: [MARTIAN], size: 1}]\n", "MARTIAN"),
    ],
)
def test_a_slip_in_a_world_file_is_one_clear_sentence(tmp_path: Path, text: str, says: str) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(text)
    with pytest.raises(UsageError, match=says) as refused:
        load_settings(own)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"people": 0}, "from 1 to 1,000,000"),
        ({"people": 1_000_001}, "from 1 to 1,000,000"),
        ({"seed": -1}, "seed"),
        ({"end": date(2022, 1, 15)}, "at least 60 days"),
        ({"world": "utopia"}, "no world 'utopia'"),
    ],
)
def test_settings_that_cannot_be_used(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    settings: dict[str, object] = {"people": 5, "seed": 1, "start": START, "end": END, "out": tmp_path / "w"}
    with pytest.raises(UsageError, match=says):
        generate(**(settings | changed))  # type: ignore[arg-type]


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not a synthetic world"):
        generate(people=5, seed=1, start=START, end=END, out=tmp_path)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_the_national_caseload_is_as_full_on_the_last_day_as_on_the_first(tmp_path: Path) -> None:
    """Of 640,000 people, about 240,000 under supervision on either day: 37 or 38 in 100, and never under 30."""
    start, end = date(2021, 1, 1), date(2025, 12, 31)
    generate(people=1500, seed=3, start=start, end=end, out=tmp_path, world="national")
    sentences = pl.read_parquet(tmp_path / "sentences.parquet").filter(
        pl.col("sentence_type") != "PRE_SENTENCE"
    )
    for day, low, high in ((start, 0.33, 0.42), (date(2023, 7, 1), 0.28, 0.38), (end, 0.33, 0.43)):
        running = sentences.filter((pl.col("starts_on") <= day) & (pl.col("ends_on") >= day))
        assert low < running["crn"].n_unique() / 1500 < high, day


def test_every_number_of_a_world_has_a_range() -> None:
    numbers = [
        one.name
        for one in dataclasses.fields(WorldSettings)
        if isinstance(getattr(WorldSettings(), one.name), float)
    ]
    assert len(numbers) > 20
    for name in numbers:
        for value in (math.nan, math.inf, -math.inf, 1e6):
            with pytest.raises(UsageError, match=name):
                dataclasses.replace(WorldSettings(), **{name: value})
