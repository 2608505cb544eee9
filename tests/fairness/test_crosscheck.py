"""The audit's rates against fairlearn's on the same rows."""

import numpy as np
import polars as pl
import pytest

from fairness import crosscheck


def outcomes(people: int, *, seed: int = 3) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    leaning = random.random(people)
    return pl.DataFrame(
        {
            "sex": random.choice(["Men", "Women"], people, p=[0.9, 0.1]),
            "ethnicity": random.choice(["White", "Black", "Asian", "Not recorded"], people),
            "predicted": random.random(people) < leaning * 0.6,
            "actual": random.random(people) < leaning * 0.8,
        }
    )


def test_every_rate_agrees_with_fairlearn_to_1e_12() -> None:
    frame = outcomes(3000)
    groups = {name: frame[name] for name in ("sex", "ethnicity")}
    agreement = crosscheck.against_fairlearn(groups, frame["predicted"], frame["actual"])
    assert agreement.compared == 6 * 5
    assert agreement.largest_difference <= 1e-12


def test_undefined_rates_are_counted_where_fairlearn_says_0() -> None:
    frame = pl.DataFrame(
        {"g": ["a", "a", "b"], "predicted": [True, False, True], "actual": [True, True, True]}
    )
    agreement = crosscheck.against_fairlearn({"g": frame["g"]}, frame["predicted"], frame["actual"])
    assert (agreement.compared, agreement.undefined) == (6, 4)


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_groups_where_it_happened_to_nobody_or_everybody_agree_with_fairlearn(share: float) -> None:
    frame = outcomes(400).with_columns(
        predicted=pl.when(pl.col("sex") == "Women").then(pl.lit(bool(share))).otherwise(pl.col("predicted"))
    )
    agreement = crosscheck.against_fairlearn({"sex": frame["sex"]}, frame["predicted"], frame["actual"])
    assert agreement.agrees
    assert agreement.compared == 10


def test_a_rate_that_is_counted_wrongly_does_not_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = outcomes(400)
    wrong = {**crosscheck.RATES, "selection_rate": pl.col("_actual").mean()}
    monkeypatch.setattr(crosscheck, "RATES", wrong)
    agreement = crosscheck.against_fairlearn({"sex": frame["sex"]}, frame["predicted"], frame["actual"])
    assert not agreement.agrees
