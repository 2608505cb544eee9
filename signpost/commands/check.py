"""`signpost check`: do histories meet the data contract?"""

from pathlib import Path

import click

from signpost.options import FOLDER
from signpost.progress import progress


@click.command(epilog="Example: signpost check runs/a")
@click.argument("folder", type=FOLDER)
@click.option(
    "--quarantine/--no-quarantine",
    default=True,
    help="Move bad rows to quarantine/ (the default), or only report.",
)
def check(*, folder: Path, quarantine: bool) -> int:
    """Hold case histories against the data contract; status 1 if rows were quarantined."""
    from features.check import check as check_histories

    with progress("Checking") as step:
        report = check_histories(folder, quarantine=quarantine, progress=step)
    click.echo(report.render())
    return 0 if report.clean else 1
