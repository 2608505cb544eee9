"""One person on the screen and everybody in the batch get the same answers, from the same release."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from catalogue import load
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.national import (
    SCHEMA,
    VERDICTS_OF,
    suggest_all,
    under_supervision,
    verdicts_at,
    write_suggestions,
)
from scoring.nearby import nearby
from scoring.suggestions import InterventionAnswer, suggest
from tests.conftest import signpost

PEOPLE = 30


@pytest.fixture(scope="module")
def histories(small_world: Path) -> Histories:
    return Histories.open(small_world)


@pytest.fixture(scope="module")
def bundle(trained_bundle: Path) -> Bundle:
    return Bundle.open(trained_bundle)


@pytest.fixture(scope="module")
def national(histories: Histories, bundle: Bundle) -> pl.DataFrame:
    return suggest_all(histories, bundle=bundle, catalogue=load(), as_of=histories.last_day)


def of_answer(one: InterventionAnswer) -> dict[str, object]:
    return {
        "eligibility": one.eligibility,
        "feasible": one.feasibility.feasible if one.feasibility else None,
        "rank": one.rank,
        "advice": one.advice,
        "support": one.support,
        "reason_codes": list(one.reason_codes),
        "missing": sorted(one.missing),
        "p_commence": one.p_commence.probability if one.p_commence else None,
        "p_complete": one.p_complete.probability if one.p_complete else None,
        "effect": one.effect.effect if one.effect else None,
        "effect_lower": one.effect.lower if one.effect else None,
        "effect_upper": one.effect.upper if one.effect else None,
    }


def same(live: object, batch: object) -> bool:
    if isinstance(live, float) and isinstance(batch, float):
        return math.isclose(live, batch, rel_tol=0, abs_tol=1e-12)
    return live == batch


def test_a_sentence_that_was_ended_early_runs_no_longer(histories: Histories) -> None:
    as_of = histories.last_day
    last: dict[tuple[str, int], dict[str, Any]] = {}
    once: set[str] = set()
    for row in histories.collect("sentences").sort("known_on").iter_rows(named=True):
        if row["known_on"] < as_of and row["starts_on"] <= as_of:
            last[row["crn"], row["event_number"]] = row
            once |= {row["crn"]} if row["ends_on"] is None or row["ends_on"] >= as_of else set()
    running = {crn for (crn, _), row in last.items() if row["ends_on"] is None or row["ends_on"] >= as_of}
    assert once - running, "the world holds nobody whose sentence ended early"
    assert set(under_supervision(histories, as_of)) == running


def test_live_and_batch_say_the_same(histories: Histories, bundle: Bundle, national: pl.DataFrame) -> None:
    catalogue, as_of = load(), histories.last_day
    crns = under_supervision(histories, as_of)[:PEOPLE]
    assert len(crns) == PEOPLE
    for crn in crns:
        case = histories.case(crn)
        directory, travel = nearby(histories, case, as_of=as_of)
        answer = suggest(
            case, as_of=as_of, bundle=bundle, catalogue=catalogue, directory=directory, travel=travel
        )
        rows = {
            row["intervention_id"]: {**row, "missing": sorted(row["missing"])}
            for row in national.filter(pl.col("crn") == crn).iter_rows(named=True)
        }
        assert len(rows) == len(answer.suggestions) == len(catalogue.interventions)
        for one in answer.suggestions:
            for name, value in of_answer(one).items():
                assert same(value, rows[one.intervention_id][name]), (one.intervention_id, name)


def test_terms_are_the_numbers(histories: Histories, bundle: Bundle) -> None:
    as_of = histories.last_day
    case = histories.case(under_supervision(histories, as_of)[0])
    answer = suggest(case, as_of=as_of, bundle=bundle, catalogue=load())
    spoken = [one for one in answer.suggestions if one.effect is not None]
    assert spoken
    for one in spoken:
        assert one.effect is not None
        assert math.isclose(
            one.effect.intercept + sum(one.effect.terms.values()), one.effect.effect, abs_tol=1e-9
        )
        assert one.p_complete is not None
        score = one.p_complete.intercept + sum(one.p_complete.terms.values())
        assert math.isclose(
            bundle.complete.calibration.predict(score), one.p_complete.probability, abs_tol=1e-9
        )


def test_verdicts_alone_are_those_of_the_whole_rows(
    histories: Histories, bundle: Bundle, national: pl.DataFrame
) -> None:
    people = national.select("crn", "as_of").unique(maintain_order=True)
    alone = pl.concat(verdicts_at(histories, people, bundle=bundle, catalogue=load()))
    assert alone.equals(national.select(VERDICTS_OF))


def test_no_score_makes_an_ineligible_intervention_suggested(national: pl.DataFrame) -> None:
    assert national.filter(
        (pl.col("eligibility") != "ELIGIBLE") & (pl.col("advice") != "NOT_ELIGIBLE")
    ).is_empty()
    assert national.filter(pl.col("rank").is_not_null() & (pl.col("eligibility") != "ELIGIBLE")).is_empty()


def test_at_most_three_are_suggested_and_ranked_from_one(national: pl.DataFrame) -> None:
    ranks = national.filter(pl.col("rank").is_not_null()).group_by("crn").agg(pl.col("rank").sort())
    assert ranks.height > 0
    assert all(list(found) == list(range(1, len(found) + 1)) and len(found) <= 3 for found in ranks["rank"])
    assert (national.filter(pl.col("rank").is_not_null())["advice"] == "SUGGESTED").all()


def test_without_a_bundle_the_rules_answer_and_say_so(histories: Histories) -> None:
    as_of = histories.last_day
    case = histories.case(under_supervision(histories, as_of)[0])
    answer = suggest(case, as_of=as_of, bundle=None, catalogue=load())
    assert answer.rule_only
    assert all(
        one.effect is None and one.p_commence is None and one.grounds != "EFFECT"
        for one in answer.suggestions
    )


def test_nothing_known_on_or_after_the_day_is_read(histories: Histories, bundle: Bundle) -> None:
    """Asking as of an earlier day gives what it gave when the later rows were not there yet."""
    as_of = histories.last_day - timedelta(days=200)
    crn = under_supervision(histories, as_of)[0]
    case = histories.case(crn)
    earlier = {
        name: tuple(
            row for row in rows if "known_on" not in row or (row["known_on"] and row["known_on"] < as_of)
        )
        for name, rows in case.tables.items()
    }
    catalogue = load()
    now = suggest(case, as_of=as_of, bundle=bundle, catalogue=catalogue)
    then = suggest(type(case)(crn, earlier), as_of=as_of, bundle=bundle, catalogue=catalogue)
    assert now == then
    assert any(len(case.tables[name]) > len(earlier[name]) for name in earlier)


def test_the_file_is_the_frame(
    histories: Histories, bundle: Bundle, national: pl.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "suggestions.parquet"
    people, rows = write_suggestions(
        histories, bundle=bundle, catalogue=load(), as_of=histories.last_day, out=out
    )
    assert pl.read_parquet(out).equals(national)
    assert (people, rows) == (national["crn"].n_unique(), national.height)
    assert dict(national.schema) == dict(SCHEMA)
    assert list(tmp_path.iterdir()) == [out]


def test_explain_shows_terms_and_records(
    small_world: Path, trained_bundle: Path, histories: Histories
) -> None:
    crn = under_supervision(histories, histories.last_day)[0]
    asked = ("explain", "--histories", small_world, "--bundle", trained_bundle, "--crn", crn)
    shown = signpost(*asked, "--as-of", str(histories.last_day))
    assert shown.returncode == 0, shown.stderr
    assert "intercept" in shown.stdout
    as_json = signpost(*asked, "--as-of", str(histories.last_day), "--json")
    assert '"suggestions"' in as_json.stdout
    nobody = signpost(*asked[:-1], "Z999999", "--as-of", str(histories.last_day))
    assert nobody.returncode == 2
    assert "Z999999" not in nobody.stderr
