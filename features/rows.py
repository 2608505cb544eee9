"""Which feature rows go into a file? Those of a day, of the decision points, or of the weeks of open referrals."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl

from features.batch import at, evaluate
from features.definitions import INFLIGHT, SPEC
from features.histories import Histories
from features.inflight import landmarks
from features.outcomes import decision_points


def write_features(
    histories: Histories,
    *,
    as_of: date | str,
    out: Path,
    engine: str,
    progress: Callable[[int, int], None] | None = None,
) -> str:
    """Compute feature rows and write them as Parquet whose metadata holds the spec hash.

    Args:
        histories: case histories.
        as_of: one day for everyone, "decision-points", or "landmarks": each week of each open referral,
            with the features of a referral and its `referral_id`.
        out: Parquet file to write.
        engine: polars, duckdb or spark.
        progress: called with (done, total).

    Returns:
        One sentence that says what was written.
    """
    spec = INFLIGHT if as_of == "landmarks" else SPEC
    if isinstance(as_of, date):
        points = at(histories, as_of)
    elif as_of == "landmarks":
        points = landmarks(histories)
    else:
        points = decision_points(histories).select(
            "crn", pl.col("decided_on").alias("as_of"), "assessment_id"
        )
    rows = evaluate(histories, points, spec=spec, engine=engine, progress=progress)
    rows.write_parquet(out, metadata={"spec_hash": spec.hash})
    return f"{rows.height:,} rows of {len(spec.features)} features are in {out} (spec {spec.hash[:12]})"
