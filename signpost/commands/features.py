"""`signpost features`: feature rows, as it was known."""

from datetime import date
from pathlib import Path
from typing import Final

import click

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
    from features.histories import Histories
    from features.rows import write_features

    with progress("Computing features") as report:
        sentence = write_features(
            Histories.open(histories), as_of=as_of, out=writable_parent(out), engine=engine, progress=report
        )
    click.echo(sentence)
