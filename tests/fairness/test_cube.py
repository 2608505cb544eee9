import numpy as np
import pandas as pd
import polars as pl
import pytest
from fairlearn import metrics as fl

from catalogue.errors import UsageError
from fairness import crosscheck
from fairness.cube import ACTUAL, DECISION_RATES, PREDICTED, build


def world(people: int, *, rows_each: int = 1, seed: int = 3) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    crn = np.repeat(np.arange(people), rows_each)
    sex = np.repeat(random.choice(["Men", "Women"], people, p=[0.9, 0.1]), rows_each)
    ethnicity = np.repeat(random.choice(["White", "Black", "Asian", None], people), rows_each)
    leaning = np.repeat(random.random(people), rows_each)
    return pl.DataFrame(
        {
            "crn": crn,
            "sex": sex,
            "ethnicity": ethnicity.tolist(),
            PREDICTED: random.random(len(crn)) < leaning * 0.6,
            ACTUAL: random.random(len(crn)) < leaning * 0.8,
        }
    )


def test_every_rate_agrees_with_fairlearn_to_1e_12() -> None:
    frame = world(3000)
    groups = {name: frame[name].fill_null("Not recorded") for name in ("sex", "ethnicity")}
    agreement = crosscheck.against_fairlearn(groups, frame[PREDICTED], frame[ACTUAL])
    assert agreement.compared == 6 * 5
    assert agreement.largest_difference <= 1e-12


def test_undefined_rates_are_nan_where_fairlearn_says_nought() -> None:
    frame = pl.DataFrame({"g": ["a", "a", "b"], PREDICTED: [True, False, True], ACTUAL: [True, True, True]})
    cube = build(frame, axes=["g"], outcomes=[PREDICTED, ACTUAL])
    assert np.isnan(DECISION_RATES["false_positive_rate"](cube, cube.counts)).all()
    assert crosscheck.against_fairlearn({"g": frame["g"]}, frame[PREDICTED], frame[ACTUAL]).undefined == 4


def test_summing_axes_away_is_counting_without_them() -> None:
    frame = world(2000)
    whole = build(frame, axes=["sex", "ethnicity"], outcomes=[PREDICTED, ACTUAL])
    alone = build(frame, axes=["ethnicity"], outcomes=[PREDICTED, ACTUAL])
    over = whole.over("ethnicity")
    assert over.groups == alone.groups
    assert (over.counts == alone.counts).all()
    assert ("Not recorded",) in over.groups


def test_the_bootstrap_of_cells_has_the_law_of_a_bootstrap_of_rows() -> None:
    frame = world(1500)
    cube = build(frame, axes=["sex"], outcomes=[PREDICTED, ACTUAL])
    drawn = DECISION_RATES["selection_rate"](cube, cube.draw(2000, seed=1))
    random = np.random.default_rng(2)
    selected, women = frame[PREDICTED].to_numpy(), (frame["sex"] == "Women").to_numpy()
    rows = random.integers(0, len(frame), (600, len(frame)))
    by_rows = [selected[row][women[row]].mean() for row in rows]
    place = cube.groups.index(("Women",))
    assert drawn[:, place].mean() == pytest.approx(np.mean(by_rows), abs=0.01)
    assert drawn[:, place].std() == pytest.approx(np.std(by_rows), rel=0.12)
    assert (cube.draw(5, seed=1) == cube.draw(5, seed=1)).all()


def test_people_are_drawn_whole_where_they_repeat() -> None:
    frame = world(400, rows_each=8)
    by_row = build(frame, axes=["sex"], outcomes=[PREDICTED, ACTUAL])
    by_person = build(frame, axes=["sex"], outcomes=[PREDICTED, ACTUAL], person="crn")
    drawn = by_person.draw(1500, seed=1)
    assert drawn.sum((1, 2)).tolist() == [3200.0] * 1500
    place = by_row.groups.index(("Men",))
    rate = DECISION_RATES["selection_rate"]
    single = rate(by_row, by_row.draw(1500, seed=1))[:, place].std()
    whole = rate(by_person, drawn)[:, place].std()
    assert whole > 1.2 * single
    crns = frame["crn"].unique().sort().to_numpy()
    selected = frame.group_by("crn").agg(pl.col(PREDICTED).sum(), pl.col("sex").first()).sort("crn")
    men = (selected["sex"] == "Men").to_numpy()
    picks = np.random.default_rng(5).integers(0, len(crns), (1500, len(crns)))
    sums = selected[PREDICTED].to_numpy()
    by_hand = [sums[pick][men[pick]].sum() / (8 * men[pick].sum()) for pick in picks]
    assert whole == pytest.approx(np.std(by_hand), rel=0.1)


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="no column nonsense"):
        build(world(10), axes=["nonsense"], outcomes=[PREDICTED])
    with pytest.raises(UsageError, match="no axis age"):
        build(world(10), axes=["sex"], outcomes=[PREDICTED]).over("age")


def test_weights_agree_with_fairlearn_and_are_drawn_with_their_rows() -> None:
    frame = world(1500).with_columns(weight=pl.Series(np.random.default_rng(8).integers(1, 5, 1500)))
    known = frame.filter(pl.col("ethnicity").is_not_null())
    cube = build(known, axes=["ethnicity"], outcomes=[PREDICTED, ACTUAL], weight="weight")
    ours = DECISION_RATES["selection_rate"](cube, cube.counts)
    theirs = fl.MetricFrame(
        metrics=fl.selection_rate, y_true=known[ACTUAL].to_numpy(), y_pred=known[PREDICTED].cast(pl.Int8).to_numpy(),
        sensitive_features=pd.Series(known["ethnicity"].to_list(), name="ethnicity"),
        sample_params={"sample_weight": known["weight"].to_numpy()},
    ).by_group  # fmt: skip
    for (label,), value in zip(cube.groups, ours, strict=True):
        assert value == pytest.approx(theirs[label], abs=1e-12)
    drawn = cube.draw(400, seed=2)
    assert drawn.sum((1, 2)).mean() == pytest.approx(known["weight"].sum(), rel=0.01)
    assert DECISION_RATES["selection_rate"](cube, drawn).mean(0) == pytest.approx(ours, abs=0.02)


def test_a_weight_below_nought_is_refused() -> None:
    frame = world(10).with_columns(weight=pl.lit(-1.0))
    with pytest.raises(UsageError, match="from nought upwards"):
        build(frame, axes=["sex"], outcomes=[PREDICTED], weight="weight")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_groups_where_it_happened_to_nobody_or_everybody_agree_with_fairlearn(share: float) -> None:
    frame = world(400).with_columns(
        pl.when(pl.col("sex") == "Women")
        .then(pl.lit(bool(share)))
        .otherwise(pl.col(PREDICTED))
        .alias(PREDICTED)
    )
    agreement = crosscheck.against_fairlearn({"sex": frame["sex"]}, frame[PREDICTED], frame[ACTUAL])
    assert agreement.agrees
    assert agreement.compared == 10


def test_one_person_alone_is_a_group_and_an_empty_frame_has_none() -> None:
    one = world(1)
    cube = build(one, axes=["sex"], outcomes=[PREDICTED, ACTUAL])
    assert cube.total == 1
    assert (cube.draw(3, seed=0).sum((1, 2)) == 1).all()
    empty = build(one.clear(), axes=["sex"], outcomes=[PREDICTED, ACTUAL])
    assert empty.groups == ()
    assert empty.draw(2, seed=0).shape == (2, 0, 4)
