"""The landmark model on person-periods made here, where the truth is known."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.base import clone

from catalogue.errors import UsageError
from scoring.heads import cumulative_incidence
from training.config import Scorecards
from training.heads.performance import auc
from training.inflight import CENSORED, FAILED, FINISHED, OPEN, InFlightModel, LandmarkRows
from training.inflight.model import stack


def person_periods(units: int, seed: int) -> pl.DataFrame:
    """Units that fail by a weekly hazard rising with `missed`, or finish by a constant one."""
    rng = np.random.default_rng(seed)
    rows = []
    for unit in range(units):
        missed = 0
        steady = rng.random() < 0.5
        for week in range(30):
            missed += int(rng.random() < (0.05 if steady else 0.3))
            draw = rng.random()
            fails = 0.01 + 0.02 * min(missed, 8)
            event = "NOT_COMPLETED" if draw < fails else "COMPLETED" if draw < fails + 0.04 else ""
            if not event and week == 20 and rng.random() < 0.2:
                event = "CENSORED"
            rows.append((f"u{unit}", week, missed, "A" if steady else "B", event))
            if event:
                break
    return pl.DataFrame(rows, schema=["id", "period", "missed", "kind", "event"], orient="row")


@pytest.fixture(scope="module")
def fitted() -> tuple[InFlightModel, pl.DataFrame]:
    model = InFlightModel(random_state=1, settings=Scorecards(max_pairs=2))
    return model.fit(person_periods(700, 1)).calibrate(person_periods(300, 2)), person_periods(300, 3)


def test_survival_never_rises_and_horizons_agree(fitted: tuple[InFlightModel, pl.DataFrame]) -> None:
    model, rows = fitted
    horizons = [1, 2.5, 4, 6, 8, 12]
    survival = model.predict_survival(rows, horizons)
    assert survival.shape == (rows.height, len(horizons))
    assert (np.diff(survival, axis=1) <= 0).all()
    assert ((survival >= 0) & (survival <= 1)).all()
    for place, weeks in enumerate(horizons):
        alone = model.predict_survival(rows, [weeks])[:, 0]
        assert np.array_equal(alone, survival[:, place])


def test_it_tells_those_who_miss_from_those_who_do_not(fitted: tuple[InFlightModel, pl.DataFrame]) -> None:
    model, rows = fitted
    landmarks = model.landmarks(rows)
    failed = ((landmarks.kind == FAILED) & (landmarks.until <= 8)).astype(float)
    known = (landmarks.kind == FAILED) | (landmarks.kind == FINISHED) | (landmarks.until >= 8)
    chance = model.predict_incidence(rows, [8])[:, 0]
    found = auc(failed[known], chance[known])
    assert found is not None
    assert found > 0.68
    assert abs(chance[known].mean() - failed[known].mean()) < 0.05


def test_any_data_frame_gives_the_same_answer(fitted: tuple[InFlightModel, pl.DataFrame]) -> None:
    model, rows = fitted
    wanted = model.predict_survival(rows, [4, 8])
    assert np.array_equal(model.predict_survival(rows.to_pandas(), [4, 8]), wanted)
    assert np.array_equal(model.predict_survival(rows.to_dict(as_series=False), [4, 8]), wanted)
    assert isinstance(rows.to_pandas(), pd.DataFrame)


@pytest.mark.parametrize(
    ("until", "kind", "expected"),
    [
        (3.0, FAILED, [(1, FAILED)]),
        (4.0, FINISHED, [(1, FINISHED)]),
        (5.0, FAILED, [(1, 0), (2, FAILED)]),
        (9.0, 3, [(1, 0), (2, 0)]),  # watching stopped within the third interval: nothing says how it ended
        (8.0, 0, [(1, 0), (2, 0)]),
        (40.0, FINISHED, [(1, 0), (2, 0), (3, 0)]),
    ],
)
def test_a_landmark_is_stacked_into_the_intervals_it_was_open_in(
    until: float, kind: int, expected: list[tuple[int, int]]
) -> None:
    rows = LandmarkRows(
        features=pl.DataFrame({"x": [0.0]}),
        units=pl.Series(["a"]),
        until=np.array([until]),
        kind=np.array([kind]),
    )
    stacked = stack(rows, interval=4, intervals=3)
    assert list(zip(stacked.interval.tolist(), stacked.kind.tolist(), strict=True)) == expected


@given(hnp.arrays(np.float64, (5, 3, 2), elements=st.floats(0, 1)))
def test_cumulative_incidence_is_a_chance_that_never_falls(hazards: np.ndarray) -> None:
    found = cumulative_incidence(hazards, 4, [1, 3, 4, 7, 8, 11, 12])
    assert (np.diff(found, axis=1) >= -1e-12).all()
    assert ((found >= 0) & (found <= 1 + 1e-12)).all()


def test_cumulative_incidence_by_hand() -> None:
    hazards = np.array([[[0.1, 0.2], [0.3, 0.0], [0.0, 0.0]]])
    assert np.allclose(cumulative_incidence(hazards, 4, [4, 8, 12]), [[0.1, 0.1 + 0.7 * 0.3, 0.31]])


def periods(*rows: tuple[object, ...], period: str = "period") -> pl.DataFrame:
    """Person-periods of the unit `secret-7`, or of the one that a row names third."""
    return pl.DataFrame(
        {
            "id": [row[2] if len(row) > 2 else "secret-7" for row in rows],
            period: [row[0] for row in rows],
            "event": pl.Series([row[1] for row in rows], strict=False),
        },
        strict=False,
    )


@pytest.mark.parametrize(
    ("last", "kind"),
    [
        ("NOT_COMPLETED", FAILED),
        ("ENGAGEMENT", FAILED),
        (1, FAILED),
        (1.0, FAILED),
        (True, FAILED),
        ("COMPLETED", FINISHED),
        (2, FINISHED),
        ("CENSORED", CENSORED),
        ("OPEN", OPEN),
        ("", OPEN),
        (0, OPEN),
        (None, OPEN),
    ],
)
def test_the_last_row_says_how_it_ended_in_whatever_order_rows_stand(last: object, kind: int) -> None:
    rows = InFlightModel().landmarks(periods((4, last), (2, None), (3, None)))
    assert rows.kind.tolist() == [kind] * 3
    assert rows.until.tolist() == [1, 3, 2]


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (
            periods((1, ""), (2, "Ran away to 9 Elm Road")),
            "NOT_COMPLETED, ENGAGEMENT or 1; COMPLETED or 2; CENSORED",
        ),
        (periods((1, 0), (2, 3)), "event that is not known"),
        (periods((1, "COMPLETED"), (2, "")), "not its unit's last"),
        (periods((1, "CENSORED"), (2, "COMPLETED")), "not its unit's last"),
        (periods((2, ""), (1, "NOT_COMPLETED"), (7, "COMPLETED", "b")), "not its unit's last"),
        (periods((1, ""), (3, "COMPLETED")), "rise by one"),
        (periods((1, ""), (1, "COMPLETED")), "rise by one"),
        (periods((5, "", "b"), (1, ""), (6, "", "b"), (4, "")), "rise by one"),
        (periods((1.5, ""), (2.5, "COMPLETED")), "whole number"),
        (periods((1, ""), (None, "COMPLETED")), "whole number"),
        (periods(("1", ""), ("2", "COMPLETED")), "whole number"),
        (periods((1, "", None)), "whose each row is"),
    ],
)
@pytest.mark.parametrize("use", ["fit", "calibrate", "landmarks"])
def test_rows_that_are_not_as_declared_are_refused_without_a_personal_value(
    rows: pl.DataFrame, word: str, use: str
) -> None:
    with pytest.raises(UsageError, match=word) as told:
        getattr(InFlightModel(), use)(rows)
    assert "secret-7" not in str(told.value)
    assert "Elm" not in str(told.value)


def test_a_clone_has_the_parameters_and_nothing_of_the_fit(
    fitted: tuple[InFlightModel, pl.DataFrame],
) -> None:
    model, rows = fitted
    assert model.features is None
    assert model.features_ == ("period", "missed", "kind")
    again = clone(model)
    assert again.get_params() == model.get_params()
    with pytest.raises(UsageError, match="not been fitted"):
        again.predict_survival(rows, [4])
    named = InFlightModel(features=["missed"], monotone={"missed": 1}, interval=2)
    assert clone(named).get_params() == named.get_params()
    assert named.set_params(interval=3).get_params()["interval"] == 3


def test_a_second_fit_forgets_the_features_of_the_first_and_changes_no_parameter() -> None:
    rows = person_periods(120, 5)
    model = InFlightModel(settings=Scorecards(max_pairs=0), interval=4, n_jobs=1)
    given = model.get_params()
    model.fit(rows).calibrate(rows).fit(rows.rename({"missed": "absences"}).drop("kind"))
    assert model.get_params() == given
    assert model.features_ == ("period", "absences")
    assert model.calibration_ == {}
    with pytest.raises(UsageError, match="no column named absences"):
        model.predict_survival(rows, [4])


@pytest.mark.parametrize("wrong", [{"interval": 0}, {"intervals": 0}])
def test_intervals_that_are_none_are_refused_when_fitted(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        InFlightModel().set_params(**wrong).fit(person_periods(3, 1))


@pytest.mark.parametrize(
    ("rows", "word"),
    [
        (pl.DataFrame({"id": ["a"], "event": [""]}), "period"),
        (pl.DataFrame({"id": [], "period": [], "event": []}), "no rows"),
        (3, "data frame"),
    ],
)
def test_unusable_rows_are_refused_in_one_sentence(rows: object, word: str) -> None:
    with pytest.raises(UsageError, match=word):
        InFlightModel().fit(rows)


@pytest.mark.parametrize("horizons", [[0], [13], [-4, 8]])
def test_a_horizon_beyond_its_reach_is_refused(
    fitted: tuple[InFlightModel, pl.DataFrame], horizons: list[float]
) -> None:
    model, rows = fitted
    with pytest.raises(UsageError, match="horizon"):
        model.predict_survival(rows, horizons)


def test_an_unfitted_model_says_so() -> None:
    with pytest.raises(UsageError, match="not been fitted"):
        InFlightModel(features=("missed",)).predict_survival(person_periods(3, 1), [4])
