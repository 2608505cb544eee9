"""The comparisons as plain tables: for CSV, JSON and the report alike."""

from collections.abc import Iterable

import polars as pl

from fairness.compare import Comparison
from fairness.evidence import Grid
from fairness.findings import sentence

NUMBERS = (
    "count",
    "people",
    "rate",
    "rate_lower",
    "rate_upper",
    "reference_count",
    "reference_people",
    "ratio",
    "ratio_lower",
    "ratio_upper",
    "p_value",
    "difference",
    "difference_lower",
    "difference_upper",
    "minimum_detectable_gap",
    "alike_ratio",
    "alike_lower",
    "alike_upper",
    "alike_p",
    "p_adjusted",
    "expected",
    "design_effect",
)
COUNTS = frozenset({"count", "people", "reference_count", "reference_people"})


def row(each: Comparison) -> dict[str, object]:
    """One comparison as a flat record, in the order of the CSV's columns."""
    return {
        "id": each.id,
        "stage": each.measure.stage,
        "measure": each.measure.id,
        "title": each.measure.title,
        "subject": each.measure.subject,
        "characteristic": each.characteristic,
        "group": each.group,
        "reference": each.reference,
        "status": each.status.value,
        "reading": None if each.reading is None else each.reading.value,
        **{name: getattr(each, name) for name in NUMBERS},
        "judged_ratio": each.judged[0],
        "method": each.method,
        "sentence": sentence(each),
    }


def frame(comparisons: Iterable[Comparison]) -> pl.DataFrame:
    """All comparisons, one row each."""
    rows = [row(each) for each in comparisons]
    schema = {
        name: pl.Int64 if name in COUNTS else pl.Float64 if name in {*NUMBERS, "judged_ratio"} else pl.String
        for name in (
            "id", "stage", "measure", "title", "subject", "characteristic", "group", "reference", "status",
            "reading", *NUMBERS, "judged_ratio", "method", "sentence",
        )
    }  # fmt: skip
    return pl.DataFrame(rows, schema=schema)


def of_grid(grid: Grid) -> pl.DataFrame:
    """A table of the evidence as a frame of text: what is published, as it is published."""
    return pl.DataFrame(
        [[None if cell is None else str(cell) for cell in row] for row in grid.rows],
        schema=dict.fromkeys(grid.columns, pl.String),
        orient="row",
    )
