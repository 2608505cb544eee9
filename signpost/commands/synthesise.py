"""`signpost synthesise`: a synthetic world."""

from datetime import date
from pathlib import Path

import click

from signpost.options import DATE, FOLDER
from signpost.progress import progress


@click.command(
    epilog="Example: signpost synthesise --people 20000 --seed 1 --start 2021-01-01 --end 2025-12-31 --out runs/a"
)
@click.option(
    "--people", type=click.IntRange(500, 1_000_000), required=True, help="How many people, 500 to 1,000,000."
)
@click.option("--seed", type=click.IntRange(0), required=True, help="The same seed gives the same bytes.")
@click.option("--start", type=DATE, required=True, help="First day of the histories.")
@click.option("--end", type=DATE, required=True, help="Last day of the histories.")
@click.option("--out", type=FOLDER, required=True, help="Folder to write the tables and truth/ into.")
@click.option(
    "--world", default="baseline", show_default=True, help="A named world, or a YAML file of your own."
)
def synthesise(*, people: int, seed: int, start: date, end: date, out: Path, world: str) -> None:
    """Generate synthetic case histories that behave like real ones and carry their truth."""
    from worlds import generate

    with progress("Generating case histories") as report:
        generate(people=people, seed=seed, start=start, end=end, out=out, world=world, progress=report)
    click.echo(f"{people:,} people from {start} to {end} are in {out}")
