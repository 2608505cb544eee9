"""The truth is true: under forced assignment people do as their potential outcomes say; effects are as declared."""

import dataclasses
from collections.abc import Callable
from datetime import date
from functools import cache

import numpy as np
import polars as pl
import pytest

import catalogue
from features.outcomes import NO_ARM
from features.reasons import ReasonOutcome, codes
from worlds import practitioner_choice
from worlds.delivery import SENTENCE_ENDED
from worlds.draws import Bools, Floats
from worlds.history import make_chunk
from worlds.inputs import WorldInputs
from worlds.interventions import load_arms
from worlds.provision import day, make_provision
from worlds.settings import WorldSettings, load_settings
from worlds.true_chances import ENDS_AFTER_ABSENCE, UNACCEPTABLE_SHARE, survival

START, END = date(2021, 1, 1), date(2025, 12, 31)
TSP = "thinking-skills-programme-acp"
SECTIONS = [
    f"s{n}"
    for n in (
        "3_accommodation",
        "4_ete",
        "6_relationships",
        "7_lifestyle",
        "8_drugs",
        "9_alcohol",
        "11_thinking",
        "12_attitudes",
    )
]
# That a sentence is too short is part of the chance of starting and finishing, not set aside.
TOO_SHORT = {code for row in SENTENCE_ENDED for code in row}
ADMINISTRATIVE = sorted(set(codes(ReasonOutcome.ADMINISTRATIVE)) - TOO_SHORT)
KEYS = ["crn", "decided_on"]


def always(arm: int) -> Callable[..., Floats]:
    """Practitioners who choose this arm (the last: none) for everybody, eligible or not."""

    def propensities(*, eligible: Bools, **_: object) -> Floats:
        chances = np.zeros((len(eligible), eligible.shape[1] + 1))
        chances[:, arm] = 1.0
        return chances

    return propensities


@cache
def made(name: str, forced: str | None, people: int) -> dict[str, pl.DataFrame]:
    world = load_settings(name)
    if forced:  # every review is completed, every section answered, nobody dies: progress is seen
        world = dataclasses.replace(world, review_missing=0.0, section_missing=0.0, deaths=0.0)
    entries = catalogue.load()
    arms = load_arms(entries)
    provision = make_provision(world=world, arms=arms, seed=3, start=START, end=END)
    inputs = WorldInputs(
        world=world,
        catalogue=entries,
        arms=arms,
        provision=provision,
        seed=3,
        start=day(START),
        end=day(END),
    )
    with pytest.MonkeyPatch.context() as patch:
        if forced is not None:
            patch.setattr(practitioner_choice, "propensities", always([*arms.ids, NO_ARM].index(forced)))
        frames = make_chunk(inputs, np.arange(people))
    frames["potential_outcomes"] = frames["potential_outcomes"].with_columns(
        pl.col("intervention_id").cast(pl.String)
    )
    return frames


def agrees(happened: pl.Series, chance: pl.Series) -> bool:
    """Within 3.5 standard errors of what independent draws with these chances give."""
    p = chance.to_numpy()
    error = np.sqrt((p * (1 - p)).sum())
    return bool(abs(happened.cast(pl.Float64).sum() - p.sum()) < 3.5 * error)


def points(forced: str) -> pl.DataFrame:
    frames = made("baseline", forced, 2500)
    truth = frames["potential_outcomes"].filter(intervention_id=forced)
    return (
        frames["decision_points"]
        .filter(pl.col("decided_on") < day(END) - 480)
        .select(KEYS)
        .join(truth, on=KEYS)
    )


def with_reoffences(frame: pl.DataFrame, frames: dict[str, pl.DataFrame]) -> pl.DataFrame:
    again = (
        frame.select(KEYS)
        .join(frames["reoffences"], on="crn")
        .filter(
            (pl.col("offence_on") > pl.col("decided_on"))
            & (pl.col("offence_on") <= pl.col("decided_on") + 365)
        )
        .select(KEYS)
        .unique()
        .with_columns(again=True)
    )
    return frame.join(again, on=KEYS, how="left").with_columns(pl.col("again").fill_null(value=False))


@pytest.mark.parametrize("forced", ["NONE", TSP])
def test_reoffending_under_forced_assignment(forced: str) -> None:
    seen = with_reoffences(points(forced), made("baseline", forced, 2500))
    assert seen.height > 2000
    assert agrees(seen["again"], seen["p_reoffend"])


@pytest.mark.parametrize("forced", ["NONE", TSP])
def test_progress_under_forced_assignment(forced: str) -> None:
    frames = made("baseline", forced, 2500)
    full = frames["assessments"].filter(layer=3).select("crn", "completed_on", *SECTIONS)
    seen = with_reoffences(points(forced), frames)
    later = (
        seen.select(KEYS)
        .join(full, on="crn")
        .filter((pl.col("completed_on") - pl.col("decided_on")).is_between(120, 450))
        .sort("completed_on")
        .group_by(KEYS)
        .last()
    )
    both = seen.join(full, left_on=KEYS, right_on=["crn", "completed_on"]).join(
        later, on=KEYS, how="left", suffix="_later"
    )
    change = pl.sum_horizontal(pl.col(f"{name}_later") - pl.col(name) for name in SECTIONS)
    # Supervision that ends so that a later assessment falls inside the window, whatever happens meanwhile.
    left = (
        seen.select(KEYS)
        .join(frames["sentences"].filter(pl.col("sentence_type") != "PRE_SENTENCE"), on="crn")
        .filter(pl.col("sentenced_on") <= pl.col("decided_on"))
        .group_by(KEYS)
        .agg(left=pl.col("ends_on").max() - pl.col("decided_on").first())
    )
    both = (
        both.join(left, on=KEYS)
        .filter(pl.col("left").is_between(125, 435) | (pl.col("left") > 452))
        .with_columns(
            progressed=pl.when("again")
            .then(False)
            .when(pl.col("s4_ete_later").is_not_null())
            .then(change < 0)
        )
    )
    assert float(both["progressed"].is_null().mean() or 0) < 0.005
    both = both.filter(pl.col("progressed").is_not_null())
    assert both.height > 1500
    assert agrees(both["progressed"], both["p_progress"])
    high = both.filter(pl.col("p_progress") > both["p_progress"].median())
    assert agrees(high["progressed"], high["p_progress"])


def test_starting_and_finishing_under_forced_assignment() -> None:
    frames = made("baseline", TSP, 2500)
    status, reason = pl.col("status"), pl.col("reason")
    ends = (
        frames["referral_events"]
        .group_by("referral_id")
        .agg(
            started=(status == "ON_PROGRAMME").any(),
            completed=(status == "COMPLETED").any(),
            why=reason.drop_nulls().first(),
        )
    )
    referred = frames["referrals"].select("referral_id", "crn", "referred_on").join(ends, on="referral_id")
    seen = (
        points(TSP)
        .join(referred, on="crn")
        .filter((pl.col("referred_on") - pl.col("decided_on")).is_between(1, 42))
    )
    seen = seen.filter(~pl.col("why").is_in(ADMINISTRATIVE).fill_null(value=False))
    assert seen.height > 2000
    assert agrees(seen["started"], seen["p_commence"])
    assert agrees(seen["completed"], seen["p_complete"])


def test_lasting_is_what_weekly_attendance_leads_to() -> None:
    """The quadrature against a plain simulation of weeks."""
    rng = np.random.default_rng(0)
    n, weeks, eta = 40_000, 19, 1.4
    u = rng.normal(size=n)
    stays = np.ones(n, dtype=bool)
    for _ in range(weeks):
        attends = rng.random(n) < 1 / (1 + np.exp(-(eta + 0.9 * u)))
        stays &= attends | (rng.random(n) >= UNACCEPTABLE_SHARE * ENDS_AFTER_ABSENCE[2])
        u = 0.85 * u + np.sqrt(1 - 0.85**2) * rng.normal(size=n)
    exact = float(survival(np.array([[eta]]), np.array([weeks]), np.array([2]))[0, 0])
    assert abs(stays.mean() - exact) < 3.5 * np.sqrt(exact * (1 - exact) / n)


def effects(name: str) -> pl.DataFrame:
    frames = made(name, None, 1500)
    truth = frames["potential_outcomes"]
    none = truth.filter(intervention_id="NONE").select(*KEYS, r0="p_reoffend", g0="p_progress")
    facts = frames["assessments"].filter(layer=3).select("crn", "ogrs_2yr", decided_on="completed_on")
    people = frames["people"].select("crn", "male")
    return (
        truth.filter(pl.col("intervention_id") != "NONE")
        .join(none, on=KEYS)
        .join(facts, on=KEYS)
        .join(people, on="crn")
        .with_columns(effect=pl.col("p_progress") - pl.col("g0"), harm=pl.col("p_reoffend") - pl.col("r0"))
    )


def test_nothing_helps_or_harms_at_low_risk() -> None:
    low = effects("baseline").filter(pl.col("ogrs_2yr") < 50)
    assert low.height > 1000
    assert float(low["effect"].abs().max() or 0) < 1e-6
    assert float(low["harm"].abs().max() or 0) < 1e-6


def test_above_low_risk_some_are_helped_and_some_harmed() -> None:
    high = effects("baseline").filter(pl.col("ogrs_2yr") >= 60)
    assert float(high["effect"].max() or 0) > 0.05
    assert float(high["effect"].min() or 0) < -0.01


def test_nothing_works_in_the_null_world() -> None:
    null = effects("null")
    assert float(null["effect"].abs().max() or 0) < 1e-6
    assert float(null["harm"].abs().max() or 0) < 1e-6


def test_effects_do_not_depend_on_sex_or_ethnicity() -> None:
    """The same situation with sex and ethnicity exchanged gives the same truth: neither is among its inputs."""
    from worlds.true_chances import Situation

    assert not {"male", "sex", "ethnicity"} & set(Situation.__slots__)


def test_planted_disparities_change_offers_and_leave_effects_alone() -> None:
    plain, planted = (made(name, None, 1500) for name in ("baseline", "disparity"))
    columns = ["intervention_id", "p_progress", "propensity", "eligible"]
    first = {
        name: frames["potential_outcomes"].select(*KEYS, *columns)
        for name, frames in (("a", plain), ("b", planted))
    }
    both = first["a"].join(first["b"], on=[*KEYS, "intervention_id"], suffix="_b")
    groups = plain["protected"].select("crn", "ethnicity")
    black = groups.filter(pl.col("ethnicity").str.starts_with("BLACK"))
    first_points = both.sort("decided_on").join(
        both.group_by("crn").agg(pl.col("decided_on").min()), on=KEYS, how="semi"
    )
    programmes = first_points.filter(
        pl.col("intervention_id").str.ends_with("-acp") & pl.col("eligible") & pl.col("eligible_b")
    )
    changed = programmes.join(black, on="crn", how="semi").filter(pl.col("propensity") > 1e-4)
    assert changed.height > 50
    assert (changed["propensity_b"] < changed["propensity"]).all()


def test_a_disruption_takes_places_away() -> None:
    entries = catalogue.load()
    arms = load_arms(entries)
    plain, shifted = (
        make_provision(world=world, arms=arms, seed=3, start=START, end=END)
        for world in (WorldSettings(), load_settings("shifted"))
    )
    during = slice(10, 14)
    assert shifted.available[during].mean() < 0.6 * plain.available[during].mean()
    assert (shifted.form[during] == 2).all()
    assert np.array_equal(shifted.available[:10], plain.available[:10])


def access(name: str, seed: int) -> dict[str, tuple[float, float, float]]:
    """Of women-only and of ordinary provision: share over an hour away, mean minutes, weeks of waiting."""
    arms = load_arms(catalogue.load())
    made_of = make_provision(world=load_settings(name), arms=arms, seed=seed, start=START, end=END)
    wanted = np.exp(arms.popularity)[None, None, :] * made_of.available
    found = {}
    for kind, of_kind in (("women", made_of.women_only), ("all", ~made_of.women_only)):
        waits, met = wanted * of_kind[None], wanted * of_kind[None] * (made_of.form != 2)
        far, minutes = (
            float((met * each).sum() / met.sum()) for each in (made_of.minutes > 60, made_of.minutes)
        )
        found[kind] = far, minutes, float((waits * made_of.waiting_weeks).sum() / waits.sum())
    return found


@pytest.mark.parametrize("name", ["baseline", "national", "shifted"])
def test_women_only_provision_is_as_near_and_as_soon_where_nothing_is_planted(name: str) -> None:
    for seed in range(1, 9):
        found = access(name, seed)
        assert found["women"][0] == pytest.approx(found["all"][0], abs=0.03), seed
        assert found["women"][1] == pytest.approx(found["all"][1], rel=0.05), seed
        assert found["women"][2] == pytest.approx(found["all"][2], rel=0.06), seed


def test_a_planted_distance_puts_women_only_provision_further_away_and_not_later() -> None:
    for seed in range(1, 5):
        plain, planted = access("baseline", seed), access("disparity", seed)
        assert planted["all"] == plain["all"]
        assert planted["women"][0] > 2 * plain["women"][0]
        assert planted["women"][2] == plain["women"][2]
