"""`signpost audit`: the equality report."""

from pathlib import Path

import click

from signpost.options import FILE, FOLDER, bundle_option, histories_option
from signpost.progress import progress


@click.command(epilog="Example: signpost audit --histories runs/a --bundle bundles/a --out report")
@histories_option
@bundle_option
@click.option("--out", type=FOLDER, required=True, help="Folder to write the report (HTML, CSV, JSON) into.")
@click.option(
    "--register", type=FILE, help="Register of disparities that the gate reads; the project's own by default."
)
def audit(*, histories: Path, bundle_folder: Path, out: Path, register: Path | None) -> int:
    """Write the equality report of a bundle; status 1 if its gate does not pass."""
    from fairness.release import audit_release
    from features.histories import Histories
    from scoring.bundle import Bundle

    with progress("Auditing") as report:
        result = audit_release(
            Histories.open(histories), Bundle.open(bundle_folder), out=out, progress=report, register=register
        )
    click.echo(result.sentence)
    return 0 if result.gate.passed else 1
