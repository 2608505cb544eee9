"""`signpost train`: every model, its backtest, its audit, its gate, its registration."""

from functools import partial
from pathlib import Path

import click

from signpost.options import FILE, FOLDER, histories_option
from signpost.progress import progress


def _show_config(context: click.Context, _option: click.Parameter, wanted: bool) -> None:
    """Print a configuration file with every option explained, and do nothing else."""
    if wanted and not context.resilient_parsing:
        from training.config import example

        click.echo(example(), nl=False)
        context.exit()


@click.command(epilog="Example: signpost train --histories runs/a --out bundles/a")
@histories_option
@click.option("--out", type=FOLDER, required=True, help="Folder to write the release bundle into.")
@click.option(
    "--config", type=FILE, help="Training configuration (YAML); docs/training.md explains every option."
)
@click.option(
    "--show-config",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_config,
    help="Print a configuration with every option at its default, each explained, and leave.",
)
@click.option(
    "--register", type=FILE, help="Register of disparities that the gate reads; the project's own by default."
)
def train(*, histories: Path, out: Path, config: Path | None, register: Path | None) -> int:
    """Train all models into a release bundle, audit it, pass it through the gate; status 1 if it does not pass."""
    from fairness.release import audit_release
    from training.release.run import release

    audit = partial(audit_release, register=register)
    with progress("Training and judging") as report:
        result = release(histories=histories, out=out, config=config, audit=audit, progress=report)
    click.echo(result.sentence)
    return 0 if result.passed else 1
