"""`signpost evaluate-policy`: what would following the suggestions be worth?"""

from pathlib import Path

import click

from signpost.options import FILE, bundle_option, histories_option, writable_parent
from signpost.progress import progress


@click.command(
    "evaluate-policy",
    epilog="Example: signpost evaluate-policy --histories runs/a --bundle bundles/a --out value.json",
)
@histories_option
@bundle_option
@click.option("--out", type=FILE, required=True, help="JSON file to write.")
@click.option(
    "--capacity",
    type=FILE,
    help="CSV or Parquet file of places: region, week (any day of it; left out: every week), intervention_id, places.",
)
def evaluate_policy(*, histories: Path, bundle_folder: Path, out: Path, capacity: Path | None) -> None:
    """Estimate the value of the suggested policy from what was done; the true value where truth/ exists.

    With --capacity, also what it is worth with that many places, and whose need is left unmet.
    """
    from features.histories import Histories
    from scoring.bundle import Bundle
    from training.benefit.evaluate_policy import evaluate

    with progress("Valuing the policy") as report:
        result = evaluate(
            Histories.open(histories),
            Bundle.open(bundle_folder),
            out=writable_parent(out),
            progress=report,
            capacity=capacity,
        )
    click.echo(result)
