"""`signpost evaluate-policy`: what would following the suggestions be worth?"""

from pathlib import Path

import click

from signpost.options import FILE, bundle_option, histories_option, writable_parent
from signpost.progress import progress


@click.command(
    "evaluate-policy",
    epilog="Example: signpost evaluate-policy --histories worlds/a --bundle bundles/a --out value.json",
)
@histories_option
@bundle_option
@click.option("--out", type=FILE, required=True, help="JSON file to write.")
def evaluate_policy(*, histories: Path, bundle_folder: Path, out: Path) -> None:
    """Estimate the value of the suggested policy from what was done; the true value where truth/ exists."""
    from features.histories import Histories
    from scoring.bundle import Bundle
    from signpost.policy import evaluate

    with progress("Valuing the policy") as report:
        result = evaluate(
            Histories.open(histories), Bundle.open(bundle_folder), out=writable_parent(out), progress=report
        )
    click.echo(result)
