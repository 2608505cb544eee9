"""`signpost catalogue`: the interventions and their rules, checked or printed."""

from collections import Counter
from pathlib import Path

import click

from catalogue import load


@click.group()
def catalogue() -> None:
    """The interventions and their rules."""


@catalogue.command(epilog="Example: signpost catalogue check")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="The data files to check; by default those that come with Signpost.",
)
def check(*, folder: Path | None) -> int:
    """Look for contradictions, gaps and rules on protected characteristics; status 1 if there are errors."""
    from catalogue.checking.check import Severity, run_folder

    findings = run_folder(folder)
    for finding in findings:
        click.echo(f"{finding.severity.value:<7} {finding.place}: {finding.text} [{finding.code}]")
    counts = Counter(finding.severity for finding in findings)
    ends = {severity: "" if counts[severity] == 1 else "s" for severity in Severity}
    click.echo(", ".join(f"{counts[each]} {each.value.lower()}{ends[each]}" for each in Severity))
    return 1 if counts[Severity.ERROR] else 0


@catalogue.command(epilog="Example: signpost catalogue show thinking-skills-programme-acp")
@click.argument("intervention_id", metavar="[ID]", required=False)
def show(*, intervention_id: str | None) -> None:
    """Print one intervention as a person would want to read it, or the list of all."""
    from catalogue.checking.show import index, render

    interventions = load()
    click.echo(index(interventions) if intervention_id is None else render(interventions, intervention_id))
