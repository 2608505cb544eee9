import numpy as np
import polars as pl
import pytest

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
