"""`signpost explain`: one person's suggestions, with every term and the record behind it."""

import json
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from features.histories import Histories
from scoring.suggestions import InterventionAnswer, SuggestionSet
from signpost.options import as_of_option, bundle_option, histories_option

WIDTH = 110


@click.command(
    epilog="Example: signpost explain --histories runs/a --bundle bundles/a --crn A000001 --as-of 2025-11-30"
)
@histories_option
@bundle_option
@click.option("--crn", required=True, help="Whose suggestions.")
@as_of_option
@click.option("--json", "as_json", is_flag=True, help="Everything, as JSON.")
@click.option("--all", "everything", is_flag=True, help="Interventions that are not for this person too.")
def explain(
    *, histories: Path, bundle_folder: Path, crn: str, as_of: date, as_json: bool, everything: bool
) -> None:
    """Explain one person's suggestions: each number as the sum of its terms, each reason with its record."""
    from catalogue import load
    from catalogue.directory import Directory
    from scoring.bundle import Bundle
    from scoring.suggestions import suggest

    opened, bundle, interventions = Histories.open(histories), Bundle.open(bundle_folder), load()
    case = opened.case(crn)
    directory = Directory.of_frames(opened.collect("directory"), opened.collect("travel"))
    answer = suggest(case, as_of=as_of, bundle=bundle, catalogue=interventions, directory=directory)
    if as_json:
        click.echo(json.dumps(asdict(answer), default=str, indent=1, ensure_ascii=False))
        return
    render(answer, everything=everything)


def render(answer: SuggestionSet, *, everything: bool) -> None:
    """Print a suggestion set for a reader at a terminal."""
    console = Console(width=WIDTH, highlight=False)
    setting = (answer.setting or "no setting known").lower()
    console.print(
        f"As of {answer.as_of}, {setting}; bundle {answer.bundle_version}, "
        f"features {answer.spec_hash[:12]}, catalogue {answer.catalogue_hash[:12]}"
    )
    shown = [one for one in answer.suggestions if everything or one.eligibility != "NOT_ELIGIBLE"]
    for one in shown:
        _render_one(console, one)
    left_out = len(answer.suggestions) - len(shown)
    if left_out:
        console.print(f"\n{left_out} interventions are not for this person; --all shows why.")


def _render_one(console: Console, one: InterventionAnswer) -> None:
    rank = f"{one.rank}. " if one.rank else ""
    console.print(f"\n[bold]{rank}{one.name}[/bold] ({one.type}): {one.advice}, {one.eligibility}")
    for reason in one.explanation:
        record = f" [{reason.table} {reason.record_id or ''} of {reason.on}]" if reason.table else ""
        console.print(f"  {reason.text}{record}", markup=False)
    if one.eligibility != "ELIGIBLE":
        for rule in one.reasons:
            if rule.outcome != "MET":
                console.print(f"  {rule.outcome}: {rule.text} ({rule.source})", markup=False)
        if one.nearly:
            console.print(f"  What it would take: {one.nearly}", markup=False)
    numbers = [
        ("effect on progress", one.effect, one.effect.effect if one.effect else None),
        ("chance of starting", one.p_commence, one.p_commence.probability if one.p_commence else None),
        ("chance of finishing", one.p_complete, one.p_complete.probability if one.p_complete else None),
    ]
    table = Table(box=None, pad_edge=False, header_style="")
    for column in ("number", "value", "from", "to", "intercept and terms, largest first"):
        table.add_column(column, overflow="fold")
    for title, found, value in numbers:
        if found is None or value is None:
            continue
        terms = sorted(found.terms.items(), key=lambda item: (-abs(item[1]), item[0]))
        parts = [
            f"intercept {found.intercept:+.3f}",
            *(f"{name} {part:+.3f}" for name, part in terms if part),
        ]
        table.add_row(title, f"{value:.3f}", f"{found.lower:.3f}", f"{found.upper:.3f}", ", ".join(parts))
    if table.row_count:
        console.print(table)
