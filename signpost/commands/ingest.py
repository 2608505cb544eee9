"""`signpost ingest`: histories into the service's store."""

from pathlib import Path

import click

from signpost.options import histories_option, reachable
from signpost.progress import progress


@click.command(epilog="Example: signpost ingest --histories runs/a --database sqlite:///signpost.db")
@histories_option
@click.option("--database", required=True, help="SQLAlchemy URL of the store.")
def ingest(*, histories: Path, database: str) -> None:
    """Load case histories, the directory and travel times into the service's store."""
    from features.histories import Histories
    from serving.ingest import ingest as ingest_histories

    opened = Histories.open(histories)
    with reachable(database), progress("Loading cases into the store") as report:
        count = ingest_histories(opened, database_url=database, progress=report)
    click.echo(f"{count:,} cases are in the store")
