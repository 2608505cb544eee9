"""`signpost features`: feature rows, as it was known."""

from datetime import date
from pathlib import Path

import click
import polars as pl

from signpost.options import DATE, FILE, histories_option, writable_parent
from signpost.progress import Report, progress


class AsOf(click.ParamType[date | str]):
    """A date, or `decision-points`."""

    name = "DATE|decision-points"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date | str:
        """Read either form."""
        return "decision-points" if value == "decision-points" else DATE.convert(value, param, ctx)


@click.command(
    epilog="Example: signpost features --histories worlds/a --as-of decision-points --out rows.parquet"
)
@histories_option
@click.option(
    "--as-of", type=AsOf(), required=True, help="One day for everyone, or each person's decision points."
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
        as_of: one day for everyone, or "decision-points".
        out: Parquet file to write.
        engine: polars, duckdb or spark.
        progress: called with (done, total).

    Returns:
        One sentence that says what was written.
    """
    from features.batch import evaluate
    from features.definitions import SPEC
    from features.histories import Histories
    from features.outcomes import decision_points

    opened = Histories.open(histories)
    if isinstance(as_of, date):
        points = pl.DataFrame({"crn": opened.crns()}).with_columns(pl.lit(as_of).alias("as_of"))
    else:
        points = decision_points(opened).select("crn", pl.col("decided_on").alias("as_of"), "assessment_id")
    rows = evaluate(opened, points, engine=engine, progress=progress)
    rows.write_parquet(writable_parent(out), metadata={"spec_hash": SPEC.hash})
    return f"{rows.height:,} rows of {rows.width - 2} features are in {out} (spec {SPEC.hash[:12]})"
