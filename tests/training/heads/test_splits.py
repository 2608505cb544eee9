"""Which rows may be used at a training date, and how blocks and samples are cut."""

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalogue.errors import UsageError
from training.heads.splits import blocks, last_usable, sample

DAY = date(2024, 1, 1)


@given(st.dates(date(2022, 1, 1), date(2026, 1, 1)), st.integers(1, 400), st.integers(0, 300))
def test_a_label_is_used_only_after_its_window_and_gap(training_date: date, window: int, gap: int) -> None:
    rows = pl.DataFrame({"as_of": pl.date_range(date(2021, 1, 1), date(2026, 1, 1), "7d", eager=True)})
    late = last_usable(training_date, window_days=window, gap_days=gap)
    for day in rows["as_of"]:
        assert (day < late) == (day + timedelta(days=window + gap) < training_date)


def test_blocks_follow_each_other_and_lose_nothing() -> None:
    days = pl.Series([DAY + timedelta(days=i // 3) for i in range(300)])
    cut = blocks(days, calibration_share=0.2, test_share=0.2, head="any")
    frame = pl.DataFrame({"as_of": days})
    parts = [frame.filter(part) for part in (cut.fit(), cut.calibrate(), cut.test())]
    assert sum(part.height for part in parts) == 300
    assert (
        parts[0]["as_of"].max() < parts[1]["as_of"].min() <= parts[1]["as_of"].max() < parts[2]["as_of"].min()
    )
    with pytest.raises(UsageError, match="too few"):
        blocks(days[:5], calibration_share=0.2, test_share=0.2, head="any")


def test_a_sample_keeps_people_whole_and_does_not_depend_on_order() -> None:
    rows = pl.DataFrame({"crn": [f"c{i % 50}" for i in range(500)], "n": range(500)})
    kept = sample(rows, by="crn", at_most=200, seed=3)
    assert 0 < kept.height <= 200
    assert set(kept.group_by("crn").len()["len"]) == {10}
    assert set(sample(rows.reverse(), by="crn", at_most=200, seed=3)["n"]) == set(kept["n"])
