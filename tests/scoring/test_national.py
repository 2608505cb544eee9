"""One person on the screen and everybody in the batch: the facts that any answer must hold, from one release."""

import math
import random
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from catalogue import load
from catalogue.directory import Directory
from catalogue.fields import NEED_THRESHOLDS, linked_field
from features import batch, columns
from features.case import Case
from features.fit import fit_frame
from features.histories import Histories
from features.spec import Use
from features.subject import known_subjects, subject_of, subjects
from scoring import judging
from scoring.advice import MOST_SUGGESTED, VERDICTS, Verdict, Why
from scoring.bundle import Bundle
from scoring.effects import EffectModel
from scoring.judging import Advised
from scoring.national import (
    SCHEMA,
    VERDICTS_OF,
    suggest_all,
    suggestions_at,
    under_supervision,
    verdicts_at,
    write_suggestions,
)
from scoring.reasons import term_code
from scoring.suggestions import SuggestionSet, suggest
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


@pytest.fixture(scope="module")
def directory(histories: Histories) -> Directory:
    return Directory.of_frames(histories.collect("directory"), histories.collect("travel"))


@pytest.fixture(scope="module")
def points(histories: Histories) -> pl.DataFrame:
    """The first people under supervision, on the last day."""
    crns = under_supervision(histories, histories.last_day)[:PEOPLE]
    assert len(crns) == PEOPLE
    return pl.DataFrame({"crn": crns}).with_columns(as_of=pl.lit(histories.last_day))


@pytest.fixture(scope="module")
def answers(
    histories: Histories, bundle: Bundle, directory: Directory, points: pl.DataFrame
) -> list[tuple[Case, SuggestionSet]]:
    """What is said of each of them, and their records."""
    catalogue, as_of = load(), histories.last_day
    cases = [histories.case(crn) for crn in points["crn"]]
    return [
        (case, suggest(case, as_of=as_of, bundle=bundle, catalogue=catalogue, directory=directory))
        for case in cases
    ]


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


def judged(
    histories: Histories, bundle: Bundle, directory: Directory, points: pl.DataFrame, rows: list[int]
) -> Advised:
    """What is advised at some of the points, named by their rows."""
    here = points[rows]
    return judging.judge(
        known_subjects(histories, here),
        columns.of_frame(batch.evaluate(histories, here, uses={Use.SCORING}), bundle.reads),
        days=here["as_of"].to_physical().to_numpy().astype(np.int64),
        bundle=bundle,
        catalogue=load(),
        directory=directory,
    )


def of_rows(advised: Advised) -> dict[str, np.ndarray]:
    """Everything that is worked out, one row a person; NaN where there is no number."""
    people, which = np.nonzero(advised.possible)
    found = {
        "status": advised.judged.status,
        "feasible": advised.reach.feasible,
        "minutes": advised.reach.minutes,
        "need": advised.need,
        "place": advised.order.place,
        "verdict": advised.advice.verdict,
        "why": advised.advice.why,
        "rank": advised.advice.rank,
        "support": advised.effects.support,
        "effect": advised.effects.effect,
        "lower": advised.effects.lower,
        "upper": advised.effects.upper,
        "reasons": judging.reason_codes(advised)[0],
    }
    assert advised.bundle is not None
    for head in (advised.bundle.commence, advised.bundle.complete):
        (chances,) = judging.chances(advised, [head], people=people, which=which)
        for name in ("lower", "probability", "upper"):
            wide = np.full(advised.possible.shape, np.nan)
            wide[people, which] = getattr(chances, name)
            found[f"{head.head} {name}"] = wide
    return found


def test_one_row_gives_what_many_give_in_any_order(
    histories: Histories, bundle: Bundle, directory: Directory, points: pl.DataFrame
) -> None:
    rows = list(range(PEOPLE))
    shuffled = random.Random(5).sample(rows, PEOPLE)
    many = of_rows(judged(histories, bundle, directory, points, rows))
    for some in (shuffled, *([row] for row in rows[:5])):
        for name, found in of_rows(judged(histories, bundle, directory, points, some)).items():
            assert found == pytest.approx(many[name][some], rel=0, abs=1e-12, nan_ok=True), name


def test_the_order_of_the_models_arms_does_not_matter(
    histories: Histories, bundle: Bundle, directory: Directory, points: pl.DataFrame
) -> None:
    document = bundle.benefit.to_dict()
    turned = EffectModel.from_dict({**document, "arms": document["arms"][::-1]})
    assert turned.arms != bundle.benefit.arms
    rows = list(range(PEOPLE))
    expected = of_rows(judged(histories, bundle, directory, points, rows))
    found = of_rows(judged(histories, replace(bundle, benefit=turned), directory, points, rows))
    for name, values in found.items():
        assert values == pytest.approx(expected[name], rel=0, abs=1e-9, nan_ok=True), name


def test_points_may_come_in_any_order(
    histories: Histories, bundle: Bundle, national: pl.DataFrame, points: pl.DataFrame
) -> None:
    some = points.sample(fraction=0.5, shuffle=True, seed=3)
    found = pl.concat(suggestions_at(histories, some, bundle=bundle, catalogue=load()))
    expected = some.select("crn").join(national, on="crn", how="left", maintain_order="left")
    assert_frame_equal(found, expected, rel_tol=0, abs_tol=1e-12)


def test_chances_are_those_of_the_rows_that_the_heads_learn_from(
    histories: Histories, bundle: Bundle, directory: Directory, points: pl.DataFrame
) -> None:
    advised = judged(histories, bundle, directory, points, list(range(PEOPLE)))
    people, which = np.nonzero(advised.possible)
    pairs = pl.DataFrame(
        {
            "intervention_id": [advised.catalogue.ids[column] for column in which],
            "minutes": advised.reach.minutes[people, which],
            "waiting_weeks": advised.reach.waiting_weeks[people, which],
        }
    )
    rows = fit_frame(
        batch.evaluate(histories, points, uses={Use.SCORING})[people],
        subjects(histories, points)[people],
        pairs,
        catalogue=advised.catalogue,
    )
    heads = (bundle.commence, bundle.complete)
    for head, found in zip(heads, judging.chances(advised, heads, people=people, which=which), strict=True):
        assert found.probability == pytest.approx(head.probability_many(rows), rel=0, abs=1e-12)
        sums = head.scorecard.intercept + found.terms.sum(axis=1)
        assert head.calibration.predict(sums) == pytest.approx(found.probability, rel=0, abs=1e-9)


def assessed(subject: Mapping[str, object]) -> set[str]:
    """The needs of a person: a score at its threshold, or a link to reoffending."""

    def has(need: str, least: int) -> bool:
        score = subject[need]
        return subject[linked_field(need)] is True or (isinstance(score, int | float) and score >= least)

    return {need for need, least in NEED_THRESHOLDS.items() if has(need, least)}


def test_what_is_said_of_a_person_follows_the_rules(answers: list[tuple[Case, SuggestionSet]]) -> None:
    meant = {each.id: set(each.needs) for each in load().interventions}
    suggested = 0
    for case, answer in answers:
        subject = subject_of(case, as_of=answer.as_of)
        needs = assessed(subject)
        said = answer.suggestions
        assert sorted(one.intervention_id for one in said) == sorted(meant)
        assert [VERDICTS.index(Verdict(one.advice)) for one in said] == sorted(
            VERDICTS.index(Verdict(one.advice)) for one in said
        )
        ranked = [one for one in said if one.rank is not None]
        assert [one.rank for one in ranked] == list(range(1, len(ranked) + 1))
        assert len(ranked) <= MOST_SUGGESTED
        for one in said:
            assert (one.rank is not None) == (one.advice == "SUGGESTED") == (one.grounds is not None)
            assert (one.advice == "NOT_ELIGIBLE") == (one.eligibility != "ELIGIBLE")
            assert bool(one.missing) == (one.eligibility == "MISSING_INFORMATION")
            assert all(subject[name] is None for name in one.missing)
            assert set(one.needs) == needs & meant[one.intervention_id]
            assert one.reason_codes == tuple(reason.code for reason in one.explanation)
        for one in ranked:
            assert one.feasibility is None or one.feasibility.feasible is not False
            assert one.reason_codes[0].removeprefix("NEED_").lower() in one.needs
            assert one.intervention_id not in subject["open_interventions"]  # type: ignore[operator]
            if one.grounds == "EFFECT":
                assert one.effect is not None
                assert one.effect.lower > 0
        suggested += len(ranked)
    assert suggested > PEOPLE  # of the small world, so that the facts above are held of many


def test_terms_are_the_numbers(answers: list[tuple[Case, SuggestionSet]], bundle: Bundle) -> None:
    spoken = 0
    for one in (one for _, answer in answers for one in answer.suggestions):
        if one.eligibility == "NOT_ELIGIBLE":
            assert (one.effect, one.support, one.p_commence, one.p_complete) == (None,) * 4
            continue
        for head, chance in ((bundle.commence, one.p_commence), (bundle.complete, one.p_complete)):
            assert chance is not None
            score = chance.intercept + sum(chance.terms.values())
            assert math.isclose(head.calibration.predict(score), chance.probability, abs_tol=1e-9)
            assert chance.lower <= chance.probability <= chance.upper
        assert (
            (one.effect is None) == (one.support is None) == (one.intervention_id not in bundle.benefit.arms)
        )
        if one.effect is not None:
            spoken += 1
            terms = sum(one.effect.terms.values())
            assert math.isclose(one.effect.intercept + terms, one.effect.effect, abs_tol=1e-9)
            assert one.effect.lower <= one.effect.effect <= one.effect.upper
    assert spoken > PEOPLE


def test_reasons_name_the_need_the_rule_and_the_strongest_terms_of_the_effect(
    answers: list[tuple[Case, SuggestionSet]],
) -> None:
    for one in (one for _, answer in answers for one in answer.suggestions):
        codes = list(one.reason_codes)
        if codes[0].startswith("NEED_"):
            codes.pop(0)
        assert codes.pop(0) in {why.value for why in Why}
        terms: dict[str, float] = {}
        if one.eligibility == "ELIGIBLE" and one.effect is not None:
            terms = {name: value for name, value in one.effect.terms.items() if value}
        strongest = sorted(terms, key=lambda name: (-abs(terms[name]), name))[:2]
        assert codes == [term_code("effect", name, more=terms[name] > 0).code for name in strongest]


def test_verdicts_alone_are_those_of_the_whole_rows(
    histories: Histories, bundle: Bundle, national: pl.DataFrame
) -> None:
    people = national.select("crn", "as_of").unique(maintain_order=True)
    alone = pl.concat(verdicts_at(histories, people, bundle=bundle, catalogue=load()))
    assert alone.equals(national.select(VERDICTS_OF))


def test_rows_of_everybody_follow_the_rules(histories: Histories, national: pl.DataFrame) -> None:
    eligibility, ineligible = pl.col("eligibility"), pl.col("eligibility") == "NOT_ELIGIBLE"
    for held in (
        (pl.col("advice") == "SUGGESTED") == pl.col("rank").is_not_null(),
        (eligibility == "MISSING_INFORMATION") == (pl.col("missing").list.len() > 0),
        pl.col("rank").is_null() | pl.col("feasible").fill_null(value=True),
        ineligible == pl.col("p_commence").is_null(),
        ineligible == pl.col("p_complete").is_null(),
        pl.col("effect").is_null() == pl.col("support").is_null(),
        pl.col("effect").is_null() | ~ineligible,
        pl.col("effect").is_null() | pl.col("effect").is_between("effect_lower", "effect_upper"),
        pl.col("rank").is_null() | pl.col("reason_codes").list.first().str.starts_with("NEED_"),
    ):
        assert national.filter(~held).is_empty(), held
    facts = subjects(histories, national.select("crn", "as_of").unique(maintain_order=True))
    needs = {row["crn"]: assessed(row) for row in facts.iter_rows(named=True)}
    suggested = national.filter(pl.col("rank").is_not_null())
    assert suggested.height > 0
    for crn, code in suggested.select("crn", pl.col("reason_codes").list.first()).iter_rows():
        assert code.removeprefix("NEED_").lower() in needs[crn]


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


def test_without_a_directory_nothing_is_said_of_reach(histories: Histories, bundle: Bundle) -> None:
    as_of = histories.last_day
    case = histories.case(under_supervision(histories, as_of)[0])
    answer = suggest(case, as_of=as_of, bundle=bundle, catalogue=load())
    assert all(one.feasibility is None or one.feasibility.feasible is None for one in answer.suggestions)


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
