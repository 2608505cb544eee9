"""Which part of the suggestions does the audit count?

The national batch has a row for every person and intervention, far more than the audit reads. It comes in parts, and
each part is reduced to what the stages count before the next one is made.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from catalogue import Catalogue
from catalogue.errors import UsageError
from fairness import stages

COLUMNS = ("crn", "as_of", "intervention_id", "eligibility", "feasible", "rank", "advice")


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggested:
    """What the audit counts of the suggestions.

    `people`: the stage's frame, a row a person. `options`: a row a person and eligible intervention
    (crn, as_of, intervention_id, feasible, rank; rank is null where it was not suggested).
    """

    people: pl.DataFrame
    options: pl.DataFrame

    @property
    def first(self) -> pl.DataFrame:
        """What was suggested first: crn and intervention_id."""
        return self.options.filter(pl.col("rank") == 1).select("crn", "intervention_id")


def suggested(parts: Iterable[pl.DataFrame], catalogue: Catalogue) -> Suggested:
    """Reduce the rows of the batch to what is counted, part by part; a person's rows are in one part.

    Raises:
        UsageError: a part lacks a column.
    """
    made = []
    for part in parts:
        missing = [column for column in COLUMNS if column not in part.columns]
        if missing:
            raise UsageError(
                f"The suggestions to audit have no column {missing[0]}; make them with the same version of Signpost."
            )
        eligible = part.filter(pl.col("eligibility").cast(pl.String) == "ELIGIBLE")
        options = eligible.select(
            "crn", "as_of", "intervention_id", "feasible",
            rank=pl.when(pl.col("advice").cast(pl.String) == "SUGGESTED").then(pl.col("rank").cast(pl.Int8)),
        )  # fmt: skip
        made.append(Suggested(people=stages.suggestions(part, catalogue), options=options))
    return together(made)


def together(parts: Sequence[Suggested]) -> Suggested:
    """Several parts as one, sorted by person, so that the result does not depend on how the work was shared out."""
    if not parts:
        raise UsageError("Nobody is under supervision on the day of the audit; there is nothing to judge.")
    return Suggested(
        people=pl.concat([each.people for each in parts]).sort("crn", "as_of"),
        options=pl.concat([each.options for each in parts]).sort("crn", "as_of", "intervention_id"),
    )
