"""What is unusual in a history but not a fault? It is reported, and left where it is.

A referral to something that the catalogue does not list was still made. Setting it aside would turn a
person who was referred into one who was not, and bias every comparison (docs/decisions/0304).
"""

from __future__ import annotations

import polars as pl

import catalogue
from features.contract import Table
from features.reasons import reasons
from features.rules import TableRule, read


def notices_of(table: Table) -> list[TableRule]:
    """What to look for in a table in addition to its rules: interventions and reasons that the project does not know."""
    found = []
    if "intervention_id" in table.names:
        listed = [entry.id for entry in catalogue.load().interventions]
        found.append(
            TableRule("intervention_id", "is not in the catalogue", _foreign("intervention_id", listed))
        )
    if table.name == "referral_events":
        says = "is no reason of features/reasons.csv, so the end counts as administrative"
        found.append(TableRule("reason", says, _foreign("reason", list(reasons()))))
    return found


def _foreign(name: str, known: list[str]) -> pl.Expr:
    return (~read(name).is_in(known)).fill_null(value=False)
