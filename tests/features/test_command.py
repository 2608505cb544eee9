"""`signpost features`: rows on a day, at decision points, at weekly landmarks; what cannot be done is one sentence."""

from pathlib import Path

import polars as pl
import pytest

from features.definitions import INFLIGHT, SPEC
from features.histories import Histories
from features.inflight import landmarks
from features.outcomes import decision_points
from tests.conftest import signpost


def asked(world: Path, as_of: str, out: Path, *more: str) -> object:
    return signpost("features", "--histories", world, "--as-of", as_of, "--out", out, *more)


def test_rows_carry_the_specification_and_progress_is_told(small_world: Path, tmp_path: Path) -> None:
    out = tmp_path / "new folder" / "rows.parquet"
    result = asked(small_world, "2025-03-31", out)
    assert result.returncode == 0, result.stderr
    rows = pl.read_parquet(out)
    assert rows.columns == ["crn", "as_of", *SPEC.names]
    assert rows.height == len(Histories.open(small_world).crns())
    assert pl.read_parquet_metadata(out)["spec_hash"] == SPEC.hash
    assert SPEC.hash[:12] in result.stdout
    told = [line for line in result.stderr.splitlines() if line.startswith("Computing features: ")]
    assert len(told) > 2
    assert told[-1].endswith("100%")


@pytest.mark.parametrize("as_of", ["decision-points", "landmarks"])
def test_rows_are_of_decision_points_or_weekly_landmarks(
    as_of: str, small_world: Path, tmp_path: Path
) -> None:
    out, histories = tmp_path / "rows.parquet", Histories.open(small_world)
    result = asked(small_world, as_of, out)
    assert result.returncode == 0, result.stderr
    rows, metadata = pl.read_parquet(out), pl.read_parquet_metadata(out)
    if as_of == "landmarks":
        points, spec = landmarks(histories).select("crn", "as_of", "referral_id"), INFLIGHT
        assert rows.columns[:3] == points.columns
    else:
        points, spec = decision_points(histories).select("crn", as_of="decided_on"), SPEC
    assert rows.select(points.columns).equals(points)
    assert metadata["spec_hash"] == spec.hash
    assert rows.width == points.width + len(spec.features)


@pytest.mark.parametrize(
    ("as_of", "more", "missing", "word"),
    [
        ("2025-03-31", ("--engine", "abacus"), None, "abacus"),
        ("whenever", (), None, "landmarks"),
        ("2025-03-31", (), "contacts", "contacts"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    as_of: str, more: tuple[str, ...], missing: str | None, word: str, small_world: Path, tmp_path: Path
) -> None:
    world = tmp_path / "world"
    world.mkdir()
    for table in small_world.glob("*.parquet"):
        if table.stem != missing:
            (world / table.name).symlink_to(table)
    result = asked(world, as_of, tmp_path / "rows.parquet", *more)
    assert result.returncode == 2
    assert result.stdout == ""
    assert len(result.stderr.strip().splitlines()) == 1, result.stderr
    assert result.stderr.startswith("signpost: ")
    assert word in result.stderr
