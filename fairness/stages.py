"""Who was counted at each stage, what happened to them, and what else was alike?

Each function makes one frame, a row a unit (person, decision point, referral), with `crn`,
`as_of`, one boolean column a measure (null for whoever is not counted), the groups of every
characteristic and the conditions of the comparison among people alike.
"""

from datetime import date

import polars as pl

from fairness import characteristics
from features.histories import Histories

CONDITIONS = ("need_band", "risk_band", "sentence_type", "region")
CRIMINOGENIC = (
    "s3_accommodation",
    "s4_ete",
    "s6_relationships",
    "s7_lifestyle",
    "s8_drugs",
    "s9_alcohol",
    "s11_thinking",
    "s12_attitudes",
)
NOT_ASSESSED = "Not assessed"
COMMENCE_WITHIN_DAYS = 183


def suggestions(frame: pl.DataFrame) -> pl.DataFrame:
    """One row a person of the suggestions: eligible, feasible, suggested, abstained, missing information."""
    eligible = pl.col("eligibility").cast(pl.String) == "ELIGIBLE"
    advice = pl.col("advice").cast(pl.String)
    people = (
        frame.lazy()
        .group_by("crn", "as_of")
        .agg(
            eligible=eligible.any(),
            directory=(eligible & pl.col("feasible").is_not_null()).any(),
            feasible=(eligible & pl.col("feasible").fill_null(False)).any(),
            suggested=(eligible & (advice == "SUGGESTED")).any(),
            abstained=(eligible & (advice == "TOO_FEW_SIMILAR")).any(),
            missing_information=(pl.col("eligibility").cast(pl.String) == "MISSING_INFORMATION").any(),
        )
    )
    is_eligible = pl.col("eligible")
    return (
        people.with_columns(
            feasible=pl.when(is_eligible & pl.col("directory")).then("feasible"),
            suggested=pl.when(is_eligible).then("suggested"),
            abstained=pl.when(is_eligible).then(pl.col("abstained") & ~pl.col("suggested")),
        )
        .drop("directory")
        .sort("crn", "as_of")
        .collect()
    )


def decisions(histories: Histories, *, as_of: date) -> pl.DataFrame:
    """One row a decision point before `as_of`: was a referral made in six weeks, and was there progress in a year?"""
    from features import outcomes

    points = pl.DataFrame(outcomes.decision_points(histories))
    progress = pl.DataFrame(outcomes.progress(histories, known_before=as_of))
    return (
        points.filter(pl.col("decided_on").dt.offset_by("42d") < as_of)
        .join(progress.select("crn", "decided_on", "progressed"), on=["crn", "decided_on"], how="left")
        .select(
            "crn",
            pl.col("decided_on").alias("as_of"),
            offered=pl.col("arm") != "NONE",
            progressed="progressed",
        )
        .sort("crn", "as_of")
    )


def delivery(histories: Histories, *, as_of: date) -> pl.DataFrame:
    """One row a referral: started within six months, and, having started, completed?

    Administrative ends are not counted: they say nothing of the person or of the service.
    """
    from features import outcomes

    referrals = pl.DataFrame(outcomes.referral_outcomes(histories, known_before=as_of))
    window = pl.col("referred_on").dt.offset_by(f"{COMMENCE_WITHIN_DAYS}d")
    within = pl.col("commenced_on").is_not_null() & (pl.col("commenced_on") <= window)
    settled = within | (window < as_of) | (pl.col("end") == "ENGAGEMENT")
    counted = settled & (within | (pl.col("end") != "ADMINISTRATIVE"))
    ended = pl.col("end").is_in(["COMPLETED", "ENGAGEMENT"])
    return (
        referrals.with_columns(
            started=pl.when(counted).then(within),
            completed=pl.when(pl.col("commenced_on").is_not_null() & ended).then(
                pl.col("end") == "COMPLETED"
            ),
        )
        .select(
            "crn",
            pl.col("referred_on").alias("as_of"),
            "referral_id",
            "intervention_id",
            "started",
            "completed",
        )
        .sort("crn", "referral_id")
    )


def flags(frame: pl.DataFrame) -> pl.DataFrame:
    """One row an open referral: is it flagged?"""
    return frame.select("crn", "as_of", "referral_id", "flagged").sort("crn", "referral_id")


def with_groups(frame: pl.DataFrame, histories: Histories) -> pl.DataFrame:
    """A stage's frame with the group of every characteristic and the conditions of people alike."""
    points = frame.select("crn", "as_of").unique().sort("crn", "as_of")
    groups = characteristics.groups(points, histories.table("people"), histories.table("protected"))
    known = groups.join(conditions(points, histories), on=["crn", "as_of"], how="left")
    return frame.join(known, on=["crn", "as_of"], how="left").sort("crn", "as_of")


def conditions(points: pl.DataFrame, histories: Histories) -> pl.DataFrame:
    """Need band, risk band, sentence type and region of each [crn, as_of]: what makes people alike.

    From the latest assessment completed, and the latest sentence begun, by that day.
    """
    answered = pl.sum_horizontal(*(pl.col(name).is_not_null() for name in CRIMINOGENIC))
    assessments = (
        histories.table("assessments")
        .select("crn", "completed_on", "ogrs_2yr", *CRIMINOGENIC)
        .with_columns(need=pl.when(answered >= 5).then(pl.sum_horizontal(*CRIMINOGENIC)))
        .select("crn", "completed_on", "need", "ogrs_2yr")
        .sort("completed_on", "crn", "need", "ogrs_2yr")
    )
    sentences = (
        histories.table("sentences")
        .filter(pl.col("starts_on").is_not_null())
        .select("crn", "starts_on", "sentence_type")
        .sort("starts_on", "crn", "sentence_type")
    )
    people = histories.table("people").sort("crn", "known_on").group_by("crn").last().select("crn", "region")
    rows = (
        points.lazy()
        .select("crn", "as_of")
        .sort("as_of", "crn")
        .join_asof(
            assessments,
            left_on="as_of",
            right_on="completed_on",
            by="crn",
            strategy="backward",
            check_sortedness=False,
        )
        .join_asof(
            sentences,
            left_on="as_of",
            right_on="starts_on",
            by="crn",
            strategy="backward",
            check_sortedness=False,
        )
        .join(people, on="crn", how="left")
    )
    return (
        rows.select(
            "crn",
            "as_of",
            need_band=_band(pl.col("need"), (10, 20, 30)),
            risk_band=_band(pl.col("ogrs_2yr"), (25, 50, 75)),
            sentence_type=pl.col("sentence_type").cast(pl.String).fill_null("NONE"),
            region=pl.col("region").cast(pl.String).fill_null("NONE"),
        )
        .sort("crn", "as_of")
        .collect()
    )


def _band(value: pl.Expr, starts: tuple[int, ...]) -> pl.Expr:
    band = pl.lit(f"under {starts[0]}")
    for start, end in zip(starts, (*starts[1:], None), strict=True):
        band = (
            pl.when(value >= start)
            .then(pl.lit(f"{start} or more" if end is None else f"{start} to {end - 1}"))
            .otherwise(band)
        )
    return pl.when(value.is_null()).then(pl.lit(NOT_ASSESSED)).otherwise(band)
