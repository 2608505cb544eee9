"""How does the comparison look as a page? Charts of each figure's tolerance and generated value, and their table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import polars as pl
from markupsafe import Markup

from charts import IntervalLine, Meaning, Scale, intervals
from pages import PageTable, render

SCALE: Final = Scale(low=0.0, high=1.2, ticks=(0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.2))
NAMES: Final = {"SOURCED": "sourced", "SECONDARY": "secondary", "ASSUMPTION": "assumed"}
"""What a figure's status is called."""


def page(frame: pl.DataFrame) -> str:
    """The comparison as one self-contained page: a chart for each status, and the table that they show."""
    return render(
        "worlds.comparison",
        "calibration.html.j2",
        title="How like the real thing is this world?",
        finding=_finding(frame),
        drawings=[
            (_finding(frame, status), chart(frame, status))
            for status in NAMES
            if not _shown(frame, status).is_empty()
        ],
        table=PageTable(
            "Each figure, its source and what the world generated",
            (
                "Figure",
                "Published or assumed",
                "Tolerance",
                "Generated",
                "Cases",
                "Within?",
                "Status",
                "Source",
            ),
            [_row(row) for row in frame.iter_rows(named=True)],
            frozenset({1, 2, 3, 4}),
        ),
    )


def chart(frame: pl.DataFrame, status: str) -> Markup:
    """The figures of one status: a band of tolerance and the generated value, one line a figure."""
    rows = [
        IntervalLine(
            label=row["label"],
            value=row["generated"],
            range=(row["target"] - row["tolerance"], row["target"] + row["tolerance"]),
            words="outside" if row["within"] is False else "",
            marked=row["within"] is False,
        )
        for row in _shown(frame, status).iter_rows(named=True)
    ]
    meaning = Meaning(
        name=f"figures-{status.lower()}",
        title=_finding(frame, status),
        description=f"A line for each {NAMES[status]} figure. The band is the figure with its tolerance. The mark is what "
        "the world generated: a circle, or a filled diamond where it is outside. The table under the charts has the "
        "numbers.",
    )
    return intervals(rows, meaning, scale=SCALE)


def _shown(frame: pl.DataFrame, status: str) -> pl.DataFrame:
    return frame.filter(pl.col("status") == status, pl.col("generated").is_not_null())


def _finding(frame: pl.DataFrame, status: str | None = None) -> str:
    """How many figures, of one status or of all, lie within their tolerance."""
    of = frame if status is None else frame.filter(pl.col("status") == status)
    judged = of.filter(pl.col("within").is_not_null())
    kind = "" if status is None else f"{NAMES[status]} "
    return f"{int(judged['within'].sum())} of {judged.height} {kind}figures are within their tolerance"


def _row(row: Mapping[str, object]) -> list[str]:
    generated, within = row["generated"], row["within"]
    return [
        str(row["label"]),
        f"{row['target']:.3f}",
        f"±{row['tolerance']:.3f}",
        f"{generated:.3f}" if isinstance(generated, float) else "not available",
        f"{row['count']:,}",
        "too few cases" if within is None else "yes" if within else "no",
        NAMES[str(row["status"])],
        str(row["source"]),
    ]
