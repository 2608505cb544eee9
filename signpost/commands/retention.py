"""`signpost retention`: erase what the service has kept for long enough."""

import click

from signpost.options import reachable
from signpost.progress import progress


@click.command(
    epilog="Example: signpost retention --database sqlite:///signpost.db --days 2190 --dry-run",
    name="retention",
)
@click.option("--database", required=True, help="SQLAlchemy URL of the store.")
@click.option(
    "--days",
    type=click.IntRange(min=1),
    required=True,
    help="For how many days a person's records are kept after their last sentence ended.",
)
@click.option("--dry-run", is_flag=True, help="Count them, and erase nobody.")
def retention(*, database: str, days: int, dry_run: bool) -> None:
    """Erase everyone whose last sentence ended longer ago; the audit log keeps its entries and names nobody."""
    from serving.retention import enforce_in

    with reachable(database), progress("Erasing what has been kept for long enough") as report:
        count = enforce_in(database_url=database, days=days, dry_run=dry_run, progress=report)
    people = "1 person" if count == 1 else f"{count:,} people"
    click.echo(
        f"{people} would be erased: their last sentence ended more than {days:,} days ago"
        if dry_run
        else f"{people} erased: their last sentence ended more than {days:,} days ago"
    )
