"""Offers, exposure and need; what if records were wrong; and that counting part by part, or of fewer people, is the same."""

import multiprocessing
import os
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from catalogue import load
from catalogue.errors import UsageError
from fairness import offers, release, sensitivity
from fairness.audit import PAST_DAYS
from fairness.characteristics import definitions
from fairness.compare import GroupStatus, compare, settle
from fairness.measures import measures
from fairness.narrowing import of_people, with_open_referrals
from fairness.policy import default
from fairness.report import workbook
from fairness.suggested import Suggested, suggested
from fairness.suppression import Ledger
from features.contract import TABLES
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.inflight.from_histories import flag_all

TODAY = date(2025, 12, 31)
SEX = definitions().by_name("sex")
CATALOGUE = load()
PROGRAMMES = [each.id for each in CATALOGUE.interventions if each.type.value in offers.PROGRAMMES]
OTHERS = [each.id for each in CATALOGUE.interventions if each.type.value not in offers.PROGRAMMES]


def batch(people: int) -> pl.DataFrame:
    """Three rows a person: a programme that every third has first, another thing first for the rest, one ruled out."""
    rows = []
    for number in range(people):
        crn, first = f"Z{number:05d}", number % 3 == 0
        rows += [
            (
                crn,
                PROGRAMMES[0],
                "ELIGIBLE",
                True,
                1 if first else None,
                "SUGGESTED" if first else "COMPARABLE",
            ),
            (crn, OTHERS[0], "ELIGIBLE", None, None if first else 1, "COMPARABLE" if first else "SUGGESTED"),
            (crn, PROGRAMMES[1], "NOT_ELIGIBLE", None, None, "NOT_ELIGIBLE"),
        ]
    names = ["crn", "intervention_id", "eligibility", "feasible", "rank", "advice"]
    return pl.DataFrame(rows, schema=names, orient="row").with_columns(as_of=pl.lit(TODAY))


def test_suggestions_counted_part_by_part_are_those_counted_at_once() -> None:
    whole = batch(30)
    at_once = suggested([whole], CATALOGUE)
    in_parts = suggested([whole.slice(45), whole.head(45)], CATALOGUE)
    assert at_once.people.equals(in_parts.people)
    assert at_once.options.equals(in_parts.options)
    assert at_once.options.height == 60
    assert at_once.first.height == 30
    with pytest.raises(UsageError, match="no column rank"):
        suggested([whole.drop("rank")], CATALOGUE)
    with pytest.raises(UsageError, match="Nobody is under supervision"):
        suggested([], CATALOGUE)


def test_flags_from_fewer_records_are_the_same_flags(small_world: Path, trained_bundle: Path) -> None:
    histories, bundle = Histories.open(small_world), Bundle.open(trained_bundle)
    days = [histories.last_day, histories.last_day - timedelta(days=PAST_DAYS[0])]
    few = with_open_referrals(histories, days=days)
    assert len(few.crns()) < len(histories.crns())
    for day in days:
        assert flag_all(few, bundle=bundle, as_of=day).equals(flag_all(histories, bundle=bundle, as_of=day))


@pytest.fixture(scope="module")
def few_people(small_world: Path, tmp_path_factory: pytest.TempPathFactory) -> Histories:
    """A folder of a few people's records: what two processes do, they do for these as well."""
    folder = tmp_path_factory.mktemp("few")
    some = of_people(Histories.open(small_world), Histories.open(small_world).crns()[:150])
    for name in TABLES:
        some.collect(name).write_parquet(folder / f"{name}.parquet")
    return Histories.open(folder)


def test_two_processes_make_the_report_that_one_makes(
    few_people: Histories, trained_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.open(trained_bundle)
    shown: list[tuple[int, int]] = []

    def audited(name: str) -> dict[str, bytes]:
        release.audit_release(
            few_people, bundle, out=tmp_path / name, progress=lambda done, total: shown.append((done, total))
        )
        return {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()}

    alone = audited("alone")
    assert shown == [(1, 1)]
    monkeypatch.setattr(release, "SHARED_FROM", 1)
    monkeypatch.setattr(release, "SHARE", 40)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.delattr(release, "Inline")  # from here on nothing may be made in this process alone
    environment = dict(os.environ)
    assert audited("shared") == alone
    assert dict(os.environ) == environment
    assert shown[-1][0] == shown[-1][1] > 1


def test_an_audit_that_cannot_be_made_says_so_and_leaves_no_process(
    few_people: Histories, trained_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = Bundle.open(trained_bundle)
    monkeypatch.setattr(release, "SHARED_FROM", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.delattr(release, "Inline")
    absent = tmp_path / "register.yaml"
    with pytest.raises(UsageError, match=r"register\.yaml"):
        release.audit_release(
            few_people, bundle, out=tmp_path / "report", progress=lambda _done, _total: None, register=absent
        )
    assert multiprocessing.active_children() == []


@pytest.fixture(scope="module")
def counted() -> tuple[Suggested, pl.DataFrame]:
    """1,500 people of whom a fifth are women; women have the programme first less often."""
    random = np.random.default_rng(3)
    women = random.random(1_500) < 0.3
    rows = batch(1_500).with_columns(number=pl.col("crn").str.slice(1).cast(pl.Int64))
    unlucky = np.flatnonzero(women & (random.random(1_500) < 0.7)).tolist()
    rank = (
        pl.when((pl.col("intervention_id") == PROGRAMMES[0]) & pl.col("number").is_in(unlucky))
        .then(None)
        .otherwise(pl.col("rank"))
    )
    made = suggested([rows.with_columns(rank=rank).drop("number")], CATALOGUE)
    groups = {
        "sex": np.where(women, "Women", "Men"),
        **dict.fromkeys(("age", "ethnicity", "disability"), "Not recorded"),
    }
    alike = dict.fromkeys(("need_band", "risk_band", "sentence_type", "region"), "A")
    people = made.people.with_columns(**{name: pl.Series(name, values) if name == "sex" else pl.lit(values) for name, values in groups.items()}, **{name: pl.lit(value) for name, value in alike.items()})  # fmt: skip
    return made, people


def test_each_intervention_is_held_against_the_comparison_group(
    counted: tuple[Suggested, pl.DataFrame],
) -> None:
    made, people = counted
    frame, each_offer = offers.offered(made, people, CATALOGUE)
    assert [measure.id for measure in each_offer] == [
        f"offer:{name}" for name in sorted((PROGRAMMES[0], OTHERS[0]))
    ]
    judged = offers.judged(frame, each_offer, [SEX], default())
    women = next(
        each for each in judged if each.measure.id == f"offer:{PROGRAMMES[0]}" and each.group == "Women"
    )
    assert women.judged[0] == pytest.approx(0.3, abs=0.12)
    grid = offers.grid(judged, SEX, name="offers", title="Offers", first="Intervention")
    assert list(grid.columns) == ["Intervention", "Men", "Women"]
    assert any(str(row[2]).endswith("look at it") for row in grid.rows)


def test_exposure_counts_the_first_place_most(counted: tuple[Suggested, pl.DataFrame]) -> None:
    made, people = counted
    frame = offers.exposure(made, people, CATALOGUE)
    assert frame.height == people.height
    assert frame["exposure"].max() == pytest.approx(1 / (1 + 1 / np.log2(3) + 0.5))
    assert frame["exposure"].min() == 0
    grid = offers.exposures(frame, [SEX], default())
    assert [row[1] for row in grid.rows] == ["Men", "Women"]
    assert str(grid.rows[1][3]).startswith("-0.")


def test_the_greatest_need_is_met_by_what_is_suggested(counted: tuple[Suggested, pl.DataFrame]) -> None:
    made, people = counted
    need = next(each.needs[0] for each in CATALOGUE.interventions if each.id == PROGRAMMES[0])
    others = next(each.needs for each in CATALOGUE.interventions if each.id == OTHERS[0])
    needs = people.select("crn", greatest=pl.lit(need))
    frame, _ = offers.standing(made, people, needs, CATALOGUE)
    met = frame["need:met"]
    assert met.null_count() == 0
    assert met.all() if need in others else 0 < met.mean() < 0.4  # type: ignore[operator]  # a mean of booleans


def test_a_small_group_is_hidden_in_the_detail_too(counted: tuple[Suggested, pl.DataFrame]) -> None:
    made, people = counted
    few = people.with_columns(
        sex=pl.when(pl.int_range(pl.len()) < 12).then(pl.lit("Women")).otherwise(pl.lit("Men"))
    )
    frame, each_offer = offers.offered(made, few, CATALOGUE)
    judged = offers.judged(frame, each_offer, [SEX], default())
    assert {each.status for each in judged if each.group == "Women"} == {GroupStatus.SUPPRESSED}


# ── Sensitivity ────────────────────────────────────────────────────────────────────────────────────────────────────


def completions(women: float) -> pl.DataFrame:
    size = 4_000
    random = np.random.default_rng(1)
    sex = np.where(random.random(size) < 0.3, "Women", "Men")
    done = random.random(size) < np.where(sex == "Women", women, 0.7)
    full = random.random(size) < 0.5
    return pl.DataFrame({"crn": [f"Z{n}" for n in range(size)], "sex": sex, "completed": done, "full": full})


@pytest.mark.parametrize(("rate", "words"), [(0.45, "Back inside"), (0.7, "Out of"), (0.95, "None")])
def test_how_many_ends_would_have_to_be_wrong(rate: float, words: str) -> None:
    measure = next(each for each in measures() if each.id == "completed")
    plain = measure.model_copy(update={"alike": False})
    ledger = Ledger()
    found = settle(
        compare(completions(rate), plain, SEX, policy=default(), ledger=ledger), ledger, policy=default()
    )
    grid = sensitivity.labels(found, [SEX], default())
    (row,) = grid.rows
    assert str(row[-1]).startswith(words)
    recorded, *wrong = (float(number or 0) for number in row[3:-1])
    assert recorded <= wrong[0] <= wrong[1] <= wrong[2]


def test_a_subset_is_left_out_where_the_rest_is_small() -> None:
    completed = next(each for each in measures() if each.id == "completed")
    measure = completed.model_copy(update={"alike": False})
    frame = completions(0.5)
    assert len(sensitivity.needs(frame, frame["full"], [measure], [SEX], default()).rows) == 1
    nearly = pl.Series([number >= 40 for number in range(len(frame))])
    assert sensitivity.needs(frame, nearly, [measure], [SEX], default()).rows == []


def test_a_group_is_left_out_of_drift_where_one_day_of_it_is_small() -> None:
    random = np.random.default_rng(2)
    size = 3_000
    days = [date(2025, 1, 1) + timedelta(days=90 * (number % 3)) for number in range(size)]
    frame = pl.DataFrame(
        {
            "as_of": days, "sex": np.where(random.random(size) < 0.4, "Women", "Men"),
            "failed": random.random(size) < 0.3, "flagged": random.random(size) < 0.3, "chance": random.random(size),
        }
    )  # fmt: skip
    assert len(sensitivity.drift(frame, [SEX], default()).rows) == 6
    few = frame.filter(
        (pl.col("sex") == "Men") | (pl.col("as_of") > date(2025, 1, 1)) | (pl.col("chance") < 0.05)
    )
    assert {row[1] for row in sensitivity.drift(few, [SEX], default()).rows} == {"Men"}


# ── The workbook ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_withheld_cell_of_a_detail_table_is_marked_as_withheld() -> None:
    sheet = workbook._sheet(
        "offers-sex", [["Offers"], ["Intervention", "Men", "Women"], ["A", "70 in 100", None]]
    )
    assert sheet.count("[c]") == 1
    assert "[x]" not in sheet
    compared = workbook._sheet(
        "Comparisons", [["id", "status", "ratio"], ["a", "SUPPRESSED", None], ["b", "UNDEFINED", None]]
    )
    assert compared.count("[c]") == compared.count("[x]") == 1
