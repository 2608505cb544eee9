"""A written world: the contract's tables, the same bytes again, and agreement with the rooms that read it."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

import catalogue
from catalogue.eligibility import ELIGIBLE
from catalogue.frames import statuses
from features import outcomes, subject
from features.check import check
from features.contract import TABLES
from features.histories import Histories
from worlds import files, generate
from worlds.files import TRUTH

PEOPLE, SEED, START, END = 900, 11, date(2021, 1, 1), date(2024, 12, 31)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("worlds") / "baseline"
    generate(people=PEOPLE, seed=SEED, start=START, end=END, out=out)
    return out


def table(folder: Path, name: str) -> pl.DataFrame:
    return pl.read_parquet(folder / f"{name}.parquet")


@pytest.mark.parametrize("name", TABLES)
def test_every_table_has_the_contracts_columns_and_types(world: Path, name: str) -> None:
    assert dict(table(world, name).schema) == TABLES[name].polars_schema()


@pytest.mark.parametrize("name", TABLES)
def test_no_table_is_empty(world: Path, name: str) -> None:
    assert table(world, name).height > 0


@pytest.mark.parametrize("name", TRUTH)
def test_truth_has_its_columns(world: Path, name: str) -> None:
    assert dict(table(world, f"truth/{name}").schema) == TRUTH[name]


def test_the_check_finds_nothing(world: Path) -> None:
    found = check(world, quarantine=False)
    assert found.violations == ()


def test_nothing_is_known_before_it_happened_or_after_the_last_day(world: Path) -> None:
    for name, declared in TABLES.items():
        if not declared.dated:
            continue
        frame = table(world, name)
        assert frame["known_on"].max() <= END, name
        if declared.happened:
            assert frame.filter(pl.col("known_on") < pl.col(declared.happened)).height == 0, name


def test_some_records_come_late_and_some_are_corrected(world: Path) -> None:
    contacts = table(world, "contacts")
    late = (contacts["known_on"] - contacts["scheduled_on"]).dt.total_days() > 3
    assert 0.03 < float(late.mean() or 0) < 0.2
    versions = contacts.group_by("crn", "scheduled_on", "kind").agg(pl.col("outcome").n_unique())
    assert versions.filter(pl.col("outcome") > 1).height > 0
    told = table(world, "circumstances").group_by("crn", "observed_on", "kind").len()
    assert told.filter(pl.col("len") > 1).height > 0


def test_the_same_seed_writes_the_same_bytes_over_an_earlier_world(world: Path, tmp_path: Path) -> None:
    def written(seed: int) -> dict[str, bytes]:
        generate(people=60, seed=seed, start=START, end=END, out=tmp_path)
        files = (path for path in sorted(tmp_path.rglob("*")) if path.is_file())
        return {str(path.relative_to(tmp_path)): path.read_bytes() for path in files}

    first, again, other = written(SEED), written(SEED), written(SEED + 1)
    assert first == again
    assert set(first) == set(other)
    assert first["contacts.parquet"] != other["contacts.parquet"]


def test_a_smaller_world_is_the_first_people_of_a_larger_one(world: Path, tmp_path: Path) -> None:
    generate(people=80, seed=SEED, start=START, end=END, out=tmp_path)
    for name in (*TABLES, *(f"truth/{one}" for one in TRUTH)):
        small, large = table(tmp_path, name), table(world, name)
        if "crn" in large.columns:
            large = large.filter(pl.col("crn") < "Z000080")
        elif "referral_id" in large.columns:
            large = large.filter(pl.col("referral_id") < "RZ000080")
        assert small.equals(large), name


def test_chunks_do_not_show(world: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "CHUNK", 60)
    done: list[tuple[int, int]] = []
    generate(
        people=110,
        seed=SEED,
        start=START,
        end=END,
        out=tmp_path,
        progress=lambda made, total: done.append((made, total)),
    )
    assert done == [(60, 110), (110, 110)]
    assert table(tmp_path, "assessments").equals(
        table(world, "assessments").filter(pl.col("crn") < "Z000110")
    )


def test_the_truth_is_about_the_decision_points_of_the_tables(world: Path) -> None:
    derived = outcomes.decision_points(Histories.open(world)).select("crn", "decided_on", "arm")
    assert derived.equals(table(world, "truth/decision_points").sort("crn", "decided_on"))
    every = table(world, "truth/potential_outcomes")
    assert every.height == derived.height * (len(catalogue.load().interventions) + 1)


def test_eligible_is_what_the_catalogue_says_of_the_recorded_person(world: Path) -> None:
    histories, entries = Histories.open(world), catalogue.load()
    points = outcomes.decision_points(histories).select("crn", "assessment_id", as_of="decided_on")
    people = subject.subjects(histories, points)
    eligible = statuses(people, entries) == ELIGIBLE
    long = (
        pl.DataFrame(eligible, schema=list(entries.ids))
        .with_columns(people.select("crn", decided_on="as_of"))
        .unpivot(index=["crn", "decided_on"], variable_name="intervention_id", value_name="by_rules")
    )
    both = table(world, "truth/potential_outcomes").join(long, on=["crn", "decided_on", "intervention_id"])
    assert both.height == long.height
    # What differs is what entered the record late, on the very days between.
    assert float((both["eligible"] == both["by_rules"]).mean() or 0) > 0.999


def test_propensities_are_of_eligible_arms_and_add_up(world: Path) -> None:
    truth = table(world, "truth/potential_outcomes")
    assert truth.filter(~pl.col("eligible") & (pl.col("propensity") > 0)).height == 0
    totals = truth.group_by("crn", "decided_on").agg(pl.col("propensity").sum())["propensity"]
    assert float((totals - 1).abs().max() or 0) < 1e-5
    columns = [name for name in truth.columns if name.startswith("p_")]
    for name in (*columns, "propensity"):
        assert truth[name].is_between(0, 1).all(), name
    assert (truth["p_complete"] <= truth["p_commence"] + 1e-6).all()


def test_labels_follow_from_what_was_attended(world: Path) -> None:
    """A completed referral has all its sessions; one that stopped for absence ends on an unacceptable absence."""
    sessions, events = table(world, "sessions"), table(world, "referral_events")
    planned = table(world, "referrals").select("referral_id", "sessions_planned")
    held = sessions.group_by("referral_id").agg(
        held=pl.len(), last=pl.col("outcome").sort_by("session_number").tail(2)
    )
    completed = events.filter(status="COMPLETED").join(held, on="referral_id").join(planned, on="referral_id")
    # A session that entered the record late may be missing on the last day.
    assert completed.filter(pl.col("held") > pl.col("sessions_planned")).height == 0
    assert float((completed["held"] == completed["sessions_planned"]).mean() or 0) > 0.95
    stopped = events.filter(pl.col("reason") == "D_MISSED").join(held, on="referral_id")
    assert stopped.height > 5
    ended = stopped["last"].list.contains("UNACCEPTABLE_ABSENCE")
    assert float(ended.mean() or 0) > 0.95


def test_crns_are_synthetic_and_well_formed(world: Path) -> None:
    crn = table(world, "people")["crn"]
    assert crn.n_unique() == PEOPLE
    assert crn.str.contains(r"^Z\d{6}$").all()
