"""`signpost features`: feature rows, as it was known."""

from datetime import date
from pathlib import Path
from typing import Final

import click

from scoring.progress import Report
from signpost.options import FILE, histories_option, writable_parent
from signpost.progress import progress

WORDS: Final = ("decision-points", "landmarks")


class AsOf(click.ParamType[date | str]):
    """A date, `decision-points` or `landmarks`."""

    name = "DATE|decision-points|landmarks"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date | str:
        """Read any of the forms; anything else is an error that shows them."""
        if value in WORDS:
            return str(value)
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a date (2026-03-31) nor {' nor '.join(WORDS)}", param, ctx)


@click.command(
    epilog="Example: signpost features --histories runs/a --as-of decision-points --out rows.parquet"
)
@histories_option
@click.option(
    "--as-of",
    type=AsOf(),
    required=True,
    help="One day for everyone, each person's decision points, or weekly landmarks of each open referral.",
)
@click.option("--out", type=FILE, required=True, help="Parquet file to write.")
@click.option(
    "--engine", type=click.Choice(["polars", "duckdb", "spark"]), default="polars", show_default=True
)
def features(*, histories: Path, as_of: date | str, out: Path, engine: str) -> None:
    """Turn histories into feature rows: crn, as_of, one column a feature."""
    with progress("Computing features") as report:
        sentence = write_features(histories=histories, as_of=as_of, out=out, engine=engine, progress=report)
    click.echo(sentence)


def write_features(*, histories: Path, as_of: date | str, out: Path, engine: str, progress: Report) -> str:
    """Compute feature rows and write them as Parquet whose metadata holds the spec hash.

    Args:
        histories: folder of case histories.
        as_of: one day for everyone, "decision-points", or "landmarks": each week of each open referral,
            with the features of a referral and its `referral_id`.
        out: Parquet file to write.
        engine: polars, duckdb or spark.
        progress: called with (done, total).

    Returns:
        One sentence that says what was written.
    """
    import polars as pl

    from features.batch import at, evaluate
    from features.definitions import INFLIGHT, SPEC
    from features.histories import Histories
    from features.inflight import landmarks
    from features.outcomes import decision_points

    opened = Histories.open(histories)
    place = writable_parent(out)
    spec = INFLIGHT if as_of == "landmarks" else SPEC
    if isinstance(as_of, date):
        points = at(opened, as_of)
    elif as_of == "landmarks":
        points = landmarks(opened)
    else:
        points = decision_points(opened).select("crn", pl.col("decided_on").alias("as_of"), "assessment_id")
    rows = evaluate(opened, points, spec=spec, engine=engine, progress=progress)
    rows.write_parquet(place, metadata={"spec_hash": spec.hash})
    return f"{rows.height:,} rows of {len(spec.features)} features are in {out} (spec {spec.hash[:12]})"
