"""Which groups does each counted row belong to, and what makes it like others?

Groups, assessments and sentences of everybody are read once, and then joined to the frame of every stage.
"""

from dataclasses import dataclass

import polars as pl

from catalogue.fields import CRIMINOGENIC
from fairness import characteristics
from fairness.characteristics import Definitions, definitions
from features.definitions.assessments import ANSWERED_AT_LEAST
from features.histories import Histories

NOT_ASSESSED = "Not assessed"
LOW_RISK, HIGH_RISK = "under 25", "75 or more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Grouping:
    """What groups and conditions are read from.

    `persons` has a row a person: crn, `person` (a number), region, and the columns of `characteristics.of_persons`.
    `assessments` (person, day, need, ogrs_2yr) and `sentences` (person, day, sentence_type) are in order of day.
    """

    persons: pl.DataFrame
    assessments: pl.DataFrame
    sentences: pl.DataFrame
    spec: Definitions


def known(histories: Histories, *, spec: Definitions | None = None) -> Grouping:
    """Read once what every frame is grouped by."""
    chosen = spec or definitions()
    persons = characteristics.of_persons(
        histories.table("people"), histories.table("protected"), spec=chosen, further=("region",)
    ).with_columns(
        region=pl.col("region").cast(pl.String).fill_null("NONE"),
        person=pl.int_range(pl.len(), dtype=pl.UInt32),
    )
    numbers = persons.lazy().select("crn", "person")
    answered = pl.sum_horizontal(*(pl.col(name).is_not_null() for name in CRIMINOGENIC))
    total = pl.sum_horizontal(*CRIMINOGENIC) * len(CRIMINOGENIC) / answered
    assessments = (
        histories.table("assessments")
        .join(numbers, on="crn")
        .select(
            "person", "ogrs_2yr", day="completed_on", need=pl.when(answered >= ANSWERED_AT_LEAST).then(total)
        )
        .sort("day", "person", "need", "ogrs_2yr")
    )
    sentences = (
        histories.table("sentences")
        .filter(pl.col("starts_on").is_not_null())
        .join(numbers, on="crn")
        .select("person", pl.col("sentence_type").cast(pl.String), day="starts_on")
        .sort("day", "person", "sentence_type")
    )
    return Grouping(
        persons=persons, assessments=assessments.collect(), sentences=sentences.collect(), spec=chosen
    )


def with_groups(frame: pl.DataFrame, known: Grouping) -> pl.DataFrame:
    """A stage's frame (crn, as_of) with the group of every characteristic and the conditions of people alike.

    Need band, risk band and sentence type are from the latest assessment completed, and the latest sentence begun, by
    the row's day. Same rows, same order.
    """
    rows = (
        frame.select("crn", "as_of")
        .with_row_index("_row")
        .join(known.persons, on="crn", how="left", maintain_order="left")
        .sort("as_of", "person")
    )
    for table in (known.assessments, known.sentences):
        rows = rows.join_asof(
            table, left_on="as_of", right_on="day", by="person", strategy="backward", check_sortedness=False
        ).drop("day", strict=False)
    rows = rows.with_columns(
        need_band=_band(pl.col("need"), (10, 20, 30)),
        risk_band=_band(pl.col("ogrs_2yr"), (25, 50, 75)),
        sentence_type=pl.col("sentence_type").fill_null("NONE"),
        region=pl.col("region").fill_null("NONE"),
    )
    grouped = characteristics.groups(rows, spec=known.spec).sort("_row")
    names = [
        *(each.name for each in known.spec.characteristics),
        "need_band",
        "risk_band",
        "sentence_type",
        "region",
    ]
    return frame.hstack(grouped.select(name for name in names if name not in frame.columns))


def _band(value: pl.Expr, starts: tuple[int, ...]) -> pl.Expr:
    band = pl.lit(f"under {starts[0]}")
    for start, end in zip(starts, (*starts[1:], None), strict=True):
        name = f"{start} or more" if end is None else f"{start} to {end - 1}"
        band = pl.when(value >= start).then(pl.lit(name)).otherwise(band)
    return pl.when(value.is_null()).then(pl.lit(NOT_ASSESSED)).otherwise(band)
