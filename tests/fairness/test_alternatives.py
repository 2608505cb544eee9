"""Other ways of flagging: held to the same number of flags, the chosen one with its reason, parity never served."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from fairness import alternatives
from fairness.alternatives import SERVED, Alternative
from fairness.characteristics import definitions
from scoring.thresholds import Thresholds

SEX = definitions().by_name("sex")
FEATURES = ("missed_sessions", "minutes")


def flags(*, fair: bool) -> pl.DataFrame:
    """Three days of 700 referrals; a release that either flags by what matters, or never flags women."""
    random = np.random.default_rng(5)
    size = 2_100
    missed, minutes = random.poisson(1.5, size), random.integers(5, 90, size)
    women = random.random(size) < 0.4
    failed = random.random(size) < 1 / (1 + np.exp(-(missed - 2.0)))
    ranked = missed + random.random(size) - (0 if fair else 99 * women)
    flagged = np.zeros(size, dtype=bool)
    flagged[np.argsort(-ranked)[: size // 4]] = True
    return pl.DataFrame(
        {
            "crn": [f"Z{number:05d}" for number in range(size)],
            "referral_id": [f"R{number:05d}" for number in range(size)],
            "as_of": [date(2025, 1 + number % 3, 1) for number in range(size)],
            "missed_sessions": missed.astype(float), "minutes": minutes.astype(float),
            "sex": np.where(women, "Women", "Men"), "failed": failed, "flagged": flagged,
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def weighed() -> tuple[Alternative, ...]:
    return alternatives.weigh(flags(fair=True), FEATURES, SEX)


def test_every_way_gives_as_many_flags_but_for_thresholds_by_group(weighed: tuple[Alternative, ...]) -> None:
    assert weighed[0].name == SERVED
    budget = weighed[0].flagged
    names = {each.name for each in weighed}
    assert {
        "fairlearn ExponentiatedGradient, equal misses",
        "fairlearn GridSearch, shallow trees, equal flag rates",
    } <= names
    assert all(each.flagged == pytest.approx(budget, abs=0.002) for each in weighed if each.servable)


def test_only_a_threshold_for_each_group_looks_at_the_group_and_it_may_not_be_served(
    weighed: tuple[Alternative, ...],
) -> None:
    parity = [each for each in weighed if not each.servable]
    assert [each.name for each in parity] == ["fairlearn ThresholdOptimizer, a threshold for each group"]
    assert all(each.changed_by_group == 0 for each in weighed if each.servable)
    assert parity[0].changed_by_group > 0


def test_a_release_holds_one_threshold_for_everybody() -> None:
    """There is no place in a release's thresholds for those of a group."""
    names = set(Thresholds.__dataclass_fields__)
    assert names.isdisjoint({"group", "groups", "by_group", "sex", "ethnicity"})
    flag = {"horizon_weeks": 8, "raise_at": 0.4, "clear_at": 0.3, "bands": [{"name": "low", "at_least": 0.0}]}
    with pytest.raises(TypeError):
        Thresholds.from_dict({"flag": {**flag, "raise_at": {"Men": 0.4, "Women": 0.3}}})
    assert Thresholds.from_dict({"flag": flag}).raise_at == 0.4


def test_the_release_stays_where_a_better_one_may_be_chance(weighed: tuple[Alternative, ...]) -> None:
    words = alternatives.choice(weighed, SEX)
    assert words.startswith("By sex: the release misses ")
    assert "stays chosen" in words


def test_a_release_that_never_flags_women_has_to_be_changed() -> None:
    made = alternatives.weigh(flags(fair=False), FEATURES, SEX)
    others = [each for each in made if each.servable and each.near and each.name != SERVED]
    assert min(each.missed_worst or 1 for each in others) < 0.9
    assert made[0].largest_ratio == pytest.approx(0)
    assert "has to be changed" in alternatives.choice(made, SEX)
    # That none of so many women was found is not said to the last woman: ten at most were.
    women = flags(fair=False).filter((pl.col("as_of") == date(2025, 3, 1)) & (pl.col("sex") == "Women"))
    assert made[0].missed_worst == pytest.approx(1 - 10 / women["failed"].sum())


def test_the_table_begins_with_what_serves(weighed: tuple[Alternative, ...]) -> None:
    grid = alternatives.table(weighed, SEX)
    assert next(row[0] for row in grid.rows) == SERVED
    assert str(grid.rows[-1][-1]).startswith("Never")


def test_too_few_rows_give_no_alternatives() -> None:
    assert alternatives.weigh(flags(fair=True).head(500), FEATURES, SEX) == ()
    assert (
        alternatives.weigh(flags(fair=True).filter(pl.col("as_of") == date(2025, 1, 1)), FEATURES, SEX) == ()
    )
