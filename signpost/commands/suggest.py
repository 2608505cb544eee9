"""`signpost suggest`: the national batch."""

from datetime import date
from pathlib import Path

import click

from signpost.options import FILE, as_of_option, bundle_option, histories_option, writable_parent
from signpost.progress import progress


@click.command(
    epilog="Example: signpost suggest --histories runs/a --bundle bundles/a --as-of 2025-11-30 --out suggestions.parquet"
)
@histories_option
@bundle_option
@as_of_option
@click.option("--out", type=FILE, required=True, help="Parquet file to write.")
def suggest(*, histories: Path, bundle_folder: Path, as_of: date, out: Path) -> None:
    """Suggest for everyone under supervision: one row a person and intervention."""
    from catalogue import load
    from features.histories import Histories
    from scoring.bundle import Bundle
    from scoring.national import write_suggestions

    opened, bundle = Histories.open(histories), Bundle.open(bundle_folder)
    with progress("Suggesting") as report:
        people, rows = write_suggestions(
            opened, bundle=bundle, catalogue=load(), as_of=as_of, out=writable_parent(out), progress=report
        )
    click.echo(f"{people:,} people, {rows:,} rows, are in {out}")
