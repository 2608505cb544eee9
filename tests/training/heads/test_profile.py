"""The stability index of a profile."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from scoring.stability import stability_index
from training.heads.profile import places, profile


def stability(held: dict[str, Any], frame: pl.DataFrame, chances: np.ndarray) -> dict[str, float]:
    """The index of each column of later rows against a profile."""
    return {
        name: stability_index(
            held[name]["shares"], np.bincount(place, minlength=len(held[name]["shares"])) / len(place)
        )
        for name, place in places(held, frame, chances=chances).items()
    }


def test_stability_is_zero_for_the_same_rows_and_large_for_others() -> None:
    rng = np.random.default_rng(2)
    frame = pl.DataFrame({"x": rng.normal(size=2000), "k": rng.choice(["a", "b"], 2000)})
    held = profile(frame, chances=rng.random(2000))
    same = stability(held, frame, rng.random(2000))
    assert same["x"] == pytest.approx(0.0, abs=1e-9)
    assert same["chance"] < 0.05
    moved = stability(held, frame.with_columns(pl.col("x") + 2, k=pl.lit("c")), rng.random(2000) ** 4)
    assert min(moved.values()) > 0.25
