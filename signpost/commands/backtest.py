"""`signpost backtest`: would the models have been right, at every date, by what was known?"""

from pathlib import Path

import click

from signpost.options import FILE, FOLDER, histories_option
from signpost.progress import progress


@click.command(epilog="Example: signpost backtest --histories runs/a --out backtests/a")
@histories_option
@click.option(
    "--out", type=FOLDER, required=True, help="Folder to write tables, plots and backtest.json into."
)
@click.option("--config", type=FILE, help="Training configuration (YAML).")
def backtest(*, histories: Path, out: Path, config: Path | None) -> None:
    """Cross-validate every model and baseline through time."""
    from features.histories import Histories
    from training.backtest import backtest as run_backtest

    opened = Histories.open(histories)
    with progress("Backtesting") as report:
        result = run_backtest(opened, out=out, config=config, progress=report)
    click.echo(result.render())
