"""The tests of a release: they hold for one that is blind, see one that is not, and a failed one fails the gate."""

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import cast

import polars as pl
import pytest

from fairness import audit, evidence, gathering, probes
from features.histories import Histories
from scoring.bundle import Bundle

BLIND = cast("Bundle", None)  # what the stand-ins below never look at


@pytest.fixture(scope="module")
def some(small_world: Path) -> Histories:
    return probes.sample(Histories.open(small_world), people=80, days=[date(2025, 7, 2)])


def answers(name: str, expression: pl.Expr) -> Callable[..., pl.DataFrame]:
    """A stand-in for `suggest_all`: one answer a person whose chance is worked out from a table."""

    def suggest(histories: Histories, **_others: object) -> pl.DataFrame:
        rows = histories.table(name).sort("crn", "known_on").group_by("crn", maintain_order=True)
        return rows.agg(p_commence=expression.cast(pl.Float64)).select(
            "crn",
            "p_commence",
            intervention_id=pl.lit("A"),
            eligibility=pl.lit("UNKNOWN"),
            feasible=pl.col("p_commence") > 0,
            p_complete=0.5,
            effect=0.1,
            effect_lower=0.0,
            effect_upper=0.2,
            support=pl.lit("STRONG"),
        ).collect()  # fmt: skip

    return suggest


def flags(histories: Histories, **_others: object) -> pl.DataFrame:
    return histories.table("referrals").select("referral_id").unique().sort("referral_id").head(1).collect()


def failing(made: list[evidence.Test]) -> set[str]:
    return {each.name for each in made if not each.holds}


def test_a_trained_release_is_blind(small_world: Path, trained_bundle: Path) -> None:
    histories, bundle = Histories.open(small_world), Bundle.open(trained_bundle)
    past = histories.last_day - timedelta(days=audit.PAST_DAYS[0])
    people = probes.sample(histories, people=120, days=[past, histories.last_day])
    made = [
        *probes.flip(people, bundle, as_of=past),
        *probes.flip_suggestions(people, bundle, as_of=histories.last_day),
        *probes.leakage(people, bundle, on=past),
    ]
    names = {each.name for each in made}
    assert {"flip:date_of_birth", "flip:suggestions:date_of_birth", "flip:suggestions:sex"} <= names
    assert {"leakage", "leakage:suggestions"} <= names
    assert not any(
        "(0 " in each.sentence or " of 0 " in each.sentence for each in made
    )  # something was compared
    assert [each.sentence for each in made if not each.holds] == []


@pytest.mark.parametrize(
    ("expression", "named"),
    [
        (pl.col("date_of_birth").last().dt.year(), "flip:suggestions:date_of_birth"),
        # Whether a place is feasible moves with the chance: it must not take the row out of the comparison.
        ((pl.col("sex").last() == "MALE"), "flip:suggestions:sex"),
    ],
)
def test_a_score_that_reads_sex_or_age_is_seen(
    some: Histories, monkeypatch: pytest.MonkeyPatch, expression: pl.Expr, named: str
) -> None:
    monkeypatch.setattr(probes, "suggest_all", answers("people", expression))
    assert failing(probes.flip_suggestions(some, BLIND, as_of=date(2025, 12, 31))) == {named}


@pytest.mark.parametrize("name", sorted(probes.FLIPPED))
def test_a_score_that_reads_a_protected_record_is_seen(
    some: Histories, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Each record by itself is seen in flags, and in suggestions, where all are changed at once."""
    expression = pl.col(name).last().cast(pl.String).hash(0) % 1_000
    monkeypatch.setattr(probes, "flag_all", answers("protected", expression))
    monkeypatch.setattr(probes, "suggest_all", answers("protected", expression))
    assert failing(probes.flip(some, BLIND, as_of=date(2025, 7, 2))) == {f"flip:{name}"}
    assert "flip:suggestions" in failing(probes.flip_suggestions(some, BLIND, as_of=date(2025, 12, 31)))


def test_a_flag_that_reads_age_is_seen(some: Histories, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "flag_all", answers("people", pl.col("date_of_birth").last().dt.year()))
    assert failing(probes.flip(some, BLIND, as_of=date(2025, 7, 2))) == {"flip:date_of_birth"}


@pytest.mark.parametrize("until", [None, date(2025, 7, 2)])
def test_a_suggestion_that_reads_what_became_known_later_is_seen(
    some: Histories, monkeypatch: pytest.MonkeyPatch, until: date | None
) -> None:
    """Reading everything, and only a day too far: the second is seen by the rows that are added on the day itself."""
    read = pl.lit(value=True) if until is None else pl.col("known_on") <= until
    monkeypatch.setattr(probes, "flag_all", flags)
    monkeypatch.setattr(probes, "suggest_all", answers("contacts", pl.col("outcome").filter(read).len()))
    assert failing(probes.leakage(some, BLIND, on=date(2025, 7, 2))) == {"leakage:suggestions"}


def test_a_suggestion_that_reads_what_was_known_passes(
    some: Histories, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = pl.col("known_on").filter(pl.col("known_on") < date(2025, 7, 2)).len()
    monkeypatch.setattr(probes, "flag_all", flags)
    monkeypatch.setattr(probes, "suggest_all", answers("people", known))
    assert failing(probes.leakage(some, BLIND, on=date(2025, 7, 2))) == set()


def test_a_failed_test_fails_the_audit(
    small_world: Path, trained_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through `run` itself, with all else as it is served; only the evidence is replaced."""
    broken = [
        evidence.Test(name="flip:religion", holds=True, sentence="Nothing changed."),
        evidence.Test(name="flip:ethnicity", holds=False, sentence="3 flags changed."),
        evidence.Test(name="leakage", holds=False, sentence="2 answers differ."),
    ]
    monkeypatch.setattr(gathering, "gather", lambda *_args, **_others: evidence.FurtherEvidence(tests=broken))
    histories, bundle = Histories.open(small_world), Bundle.open(trained_bundle)
    as_of = histories.last_day
    people = probes.sample(histories, people=60, days=[as_of])
    result = audit.run(
        histories=people,
        bundle_folder=trained_bundle,
        suggestions=probes.suggest_all(people, bundle=bundle, catalogue=probes.load(), as_of=as_of),
        flags=probes.flag_all(people, bundle=bundle, as_of=as_of),
        out=tmp_path,
        as_of=as_of,
    )
    assert result.gate.state == "FAIL"
    assert not result.gate.passed
    assert result.gate.disparities == ()
    assert result.gate.named == ("flip:ethnicity", "leakage")
    assert result.gate.as_dict()["named"] == ["flip:ethnicity", "leakage"]
    assert result.sentence == "the gate fails on 2 points: flip:ethnicity, leakage"
    page = (tmp_path / audit.PAGE).read_text(encoding="utf-8")
    assert "Tests of the release that do not hold: Flip, ethnicity; Leakage (section 7)" in page
    assert "may have learned from some of those days" in page
