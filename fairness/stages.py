"""Who was counted at each stage, and what happened to them?

Each function makes one frame, a row a unit (person, decision point, referral, absence), with `crn`,
`as_of` and one boolean column a measure, null for people who are not counted. `grouping.with_groups` adds
the group of every characteristic and the conditions of the comparison among people alike.
"""

from datetime import date

import polars as pl

from catalogue import Catalogue
from catalogue.eligibility import NOT_ELIGIBLE
from catalogue.fields import CRIMINOGENIC
from catalogue.frames import statuses
from fairness.grouping import HIGH_RISK, LOW_RISK
from features.histories import Histories

PROGRAMMES = ("ACP", "SI")
COMMENCE_WITHIN_DAYS = 183
LONG_WAIT_DAYS = 84
FAR_MINUTES = 60
LONG_MINUTES = 45
WARNED_WITHIN_DAYS = 91
ENFORCED_WITHIN_DAYS = 14
DIRECTION = {"LOW": 1, "MODERATE": 2, "HIGH": 3}


def suggestions(frame: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """One row a person: eligible, feasible, suggested (anything, a programme), abstained, intensity."""
    eligible = pl.col("eligibility").cast(pl.String) == "ELIGIBLE"
    advice = pl.col("advice").cast(pl.String)
    suggested = eligible & (advice == "SUGGESTED")
    reach = pl.col("feasible").fill_null(value=True)
    people = (
        frame.lazy()
        .select("crn", "as_of", "intervention_id", "eligibility", "feasible", "advice")
        .join(_kinds(catalogue).lazy(), on="intervention_id", how="left")
        .group_by("crn", "as_of")
        .agg(
            eligible=eligible.any(),
            directory=(eligible & pl.col("feasible").is_not_null()).any(),
            reached=(eligible & pl.col("feasible").fill_null(value=False)).any(),
            any_suggested=suggested.any(),
            too_few=(eligible & (advice == "TOO_FEW_SIMILAR")).any(),
            unsettled=(pl.col("eligibility").cast(pl.String) == "MISSING_INFORMATION").any(),
            programme=(eligible & reach & pl.col("programme")).any(),
            programme_suggested=(suggested & pl.col("programme")).any(),
            intensive=(suggested & (pl.col("intensity") == 3)).any(),
            light=((pl.col("intensity").filter(suggested)) == 1).all(),
        )
    )
    return (
        people.with_columns(
            feasible=pl.when(pl.col("eligible") & pl.col("directory")).then("reached"),
            suggested=pl.when("eligible").then("any_suggested"),
            abstained=pl.when("eligible").then(pl.col("too_few") & ~pl.col("any_suggested")),
            # Counted only among people with nothing suggested, where it says what stood in the way. Among everybody it
            # would mostly show that the catalogue's rules ask different things by sex and age.
            missing_information=pl.when(pl.col("eligible") & ~pl.col("any_suggested")).then("unsettled"),
            suggested_programme=pl.when("programme").then("programme_suggested"),
        )
        .sort("crn", "as_of")
        .collect()
    )


def intensity(frame: pl.DataFrame) -> pl.DataFrame:
    """Too much at low risk and too little at high risk; wants the conditions of `with_groups`."""
    low = pl.col("any_suggested") & (pl.col("risk_band") == LOW_RISK)
    high = pl.col("any_suggested") & (pl.col("risk_band") == HIGH_RISK)
    return frame.with_columns(
        over_intense=pl.when(low).then("intensive"), under_intense=pl.when(high).then("light")
    )


def _kinds(catalogue: Catalogue) -> pl.DataFrame:
    """Of each intervention: is it a programme, and how intensive (1 to 3)?"""
    return pl.DataFrame(
        [
            (each.id, each.type.value in PROGRAMMES, DIRECTION[each.intensity.value])
            for each in catalogue.interventions
        ],
        schema={"intervention_id": pl.String, "programme": pl.Boolean, "intensity": pl.Int8},
        orient="row",
    )


def human(histories: Histories, suggested: pl.DataFrame, catalogue: Catalogue) -> pl.DataFrame:
    """One row a recorded decision: accepted, departed up or down from the first suggestion, contested.

    `suggested` has a row a person with what was suggested first (crn, intervention_id).
    """
    kinds = _kinds(catalogue)
    chosen = kinds.select("intervention_id", chosen="intensity")
    first = (
        suggested.select("crn", "intervention_id")
        .join(kinds, on="intervention_id")
        .select("crn", first="intensity")
        .unique("crn")
    )
    rows = (
        histories.table("decisions")
        .collect()
        .join(chosen, on="intervention_id", how="left")
        .join(first, on="crn", how="left")
    )
    action = pl.col("action").cast(pl.String)
    settled = action != "CONTESTED"
    level = pl.when(action == "NONE_CHOSEN").then(0).otherwise(pl.col("chosen"))
    known = settled & level.is_not_null() & pl.col("first").is_not_null()
    departed = action.is_in(["DEPARTED", "NONE_CHOSEN"])
    return rows.select(
        "crn",
        pl.col("decided_on").alias("as_of"),
        accepted=pl.when(settled).then(action == "ACCEPTED"),
        departed_up=pl.when(known).then(departed & (level > pl.col("first"))),
        departed_down=pl.when(known).then(departed & (level < pl.col("first"))),
        contested=action == "CONTESTED",
    ).sort("crn", "as_of", "accepted", "contested")


def decisions(histories: Histories, catalogue: Catalogue, *, as_of: date) -> pl.DataFrame:
    """One row a decision point: every need answered, referred in six weeks (to a programme), progress in a year."""
    from features import outcomes

    points = outcomes.decision_points(histories).filter(
        pl.col("decided_on").dt.offset_by(f"{outcomes.ARM_DAYS}d") < as_of
    )
    progress = outcomes.progress(histories, known_before=as_of, points=points)
    scores = histories.table("assessments").unique("assessment_id", keep="last", maintain_order=True)
    answered = scores.select(
        "assessment_id", fully_assessed=pl.all_horizontal(pl.col(name).is_not_null() for name in CRIMINOGENIC)
    ).collect()
    eligible = eligibility(histories, points, catalogue)
    programmes = [each.id for each in catalogue.interventions if each.type.value in PROGRAMMES]
    return (
        points.join(answered, on="assessment_id", how="left")
        .join(progress.select("crn", "decided_on", "progressed"), on=["crn", "decided_on"], how="left")
        .with_columns(eligible)
        .select(
            "crn",
            pl.col("decided_on").alias("as_of"),
            "fully_assessed",
            "progressed",
            offered=pl.when("eligible").then(pl.col("arm") != outcomes.NO_ARM),
            offered_programme=pl.when("eligible_programme").then(pl.col("arm").is_in(programmes)),
        )
        .sort("crn", "as_of")
    )


def eligibility(histories: Histories, points: pl.DataFrame, catalogue: Catalogue) -> list[pl.Series]:
    """Was anything, was a programme, eligible at each decision point, by the catalogue's own rules?

    NEARLY and MISSING_INFORMATION count as eligible: what is not recorded, or could be waited for, must
    not take a person out of the comparison.
    """
    from features import subject

    asked = points.select("crn", pl.col("decided_on").alias("as_of"), "assessment_id")
    open_to = statuses(subject.subjects(histories, asked), catalogue) != NOT_ELIGIBLE
    programmes = [each.type.value in PROGRAMMES for each in catalogue.interventions]
    return [
        pl.Series("eligible", open_to.any(axis=1)),
        pl.Series("eligible_programme", open_to[:, programmes].any(axis=1)),
    ]


def delivery(histories: Histories, *, as_of: date, referrals: pl.DataFrame | None = None) -> pl.DataFrame:
    """One row a referral: far away, started within six months, waited, and, having started, completed?

    Administrative ends are not counted: they say nothing of the person or of the service. `referrals` are those of
    `referrals_until`, if the caller has them already.
    """
    referrals = referrals_until(histories, as_of) if referrals is None else referrals
    window = pl.col("referred_on").dt.offset_by(f"{COMMENCE_WITHIN_DAYS}d")
    begun = pl.col("commenced_on").is_not_null()
    within = begun & (pl.col("commenced_on") <= window)
    settled = (
        within | (pl.col("end") == "ENGAGEMENT") | ((window < as_of) & (pl.col("end") != "ADMINISTRATIVE"))
    )
    ended = pl.col("end").is_in(["COMPLETED", "ENGAGEMENT"])
    waited = (pl.col("commenced_on") - pl.col("referred_on")).dt.total_days() > LONG_WAIT_DAYS
    return (
        referrals.join(journeys(histories), on="referral_id", how="left")
        .with_columns(
            far=pl.col("minutes") > FAR_MINUTES,
            long_journey=pl.col("minutes") > LONG_MINUTES,
            started=pl.when(settled).then(within.fill_null(value=False)),
            waited=pl.when(begun).then(waited),
            completed=pl.when(begun & ended).then(pl.col("end") == "COMPLETED"),
        )
        .select(
            "crn", pl.col("referred_on").alias("as_of"), "referral_id", "intervention_id", "far", "long_journey", "started",
            "waited", "completed",
        )
        .sort("crn", "referral_id")
    )  # fmt: skip


def referrals_until(histories: Histories, as_of: date) -> pl.DataFrame:
    """How every referral went, as far as was known before the day of the audit."""
    from features import outcomes

    return outcomes.referral_outcomes(histories, known_before=as_of)


def journeys(histories: Histories) -> pl.DataFrame:
    """Minutes each way from a person's delivery unit to the venue of each referral that is not online."""
    people = histories.table("people").sort("crn", "known_on").group_by("crn").last().select("crn", "pdu")
    travel = histories.table("travel").group_by("pdu", "venue").agg(pl.col("minutes").min())
    return (
        histories.table("referrals")
        .filter(pl.col("format").cast(pl.String) != "ONLINE")
        .select("referral_id", "crn", "venue")
        .join(people, on="crn")
        .join(travel, on=["pdu", "venue"])
        .select("referral_id", "minutes")
        .unique("referral_id", keep="any")
        .collect()
    )


def enforcement(histories: Histories, *, as_of: date) -> pl.DataFrame:
    """One row a final warning that was followed by an unacceptable absence: was breach or recall begun in two weeks?

    The first absence (contact or session) within thirteen weeks after the warning counts, if its two
    weeks have passed: the same behaviour at the same point, so what differs is practice.
    """
    owners = histories.table("referrals").select("referral_id", "crn").unique("referral_id")
    unacceptable = pl.col("outcome").cast(pl.String) == "UNACCEPTABLE_ABSENCE"
    kind = pl.col("kind").cast(pl.String)
    absences = pl.concat(
        [
            histories.table("contacts").filter(unacceptable).select("crn", on="scheduled_on"),
            histories.table("sessions").filter(unacceptable).join(owners, on="referral_id").select("crn", on="scheduled_on"),
        ]
    ).unique()  # fmt: skip
    warnings = (
        histories.table("enforcement").filter(kind == "FINAL_WARNING").select("crn", warned_on="occurred_on")
    )
    begun = (
        histories.table("enforcement")
        .filter(kind.is_in(["BREACH_STARTED", "RECALL"]))
        .select("crn", begun_on="occurred_on")
    )
    after = absences.sort("on", "crn").join_asof(
        warnings.unique().sort("warned_on", "crn"), left_on="on", right_on="warned_on", by="crn",
        strategy="backward", tolerance=f"{WARNED_WITHIN_DAYS}d", allow_exact_matches=False, check_sortedness=False,
    )  # fmt: skip
    return (
        after.filter(pl.col("warned_on").is_not_null())
        .group_by("crn", "warned_on")
        .agg(pl.col("on").min())
        .filter(pl.col("on").dt.offset_by(f"{ENFORCED_WITHIN_DAYS}d") < as_of)
        .sort("on", "crn")
        .join_asof(
            begun.unique().sort("begun_on", "crn"), left_on="on", right_on="begun_on", by="crn",
            strategy="forward", tolerance=f"{ENFORCED_WITHIN_DAYS}d", check_sortedness=False,
        )
        .select("crn", pl.col("on").alias("as_of"), enforced=pl.col("begun_on").is_not_null())
        .sort("crn", "as_of")
        .collect()
    )  # fmt: skip


def flags(frame: pl.DataFrame) -> pl.DataFrame:
    """One row an open referral: is it flagged?"""
    return frame.select("crn", "as_of", "referral_id", "flagged").sort("crn", "referral_id")


def flag_outcomes(
    past: pl.DataFrame,
    histories: Histories,
    *,
    horizon_weeks: int,
    as_of: date,
    referrals: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row a referral that was open on an earlier day: was it flagged then, and how did it go on?

    `past` are flags made for earlier days by the bundle that is audited. Failed means ended for an
    engagement reason within the horizon; administrative ends within it are not counted. `referrals` are those of
    `referrals_until`, if the caller has them already.
    """
    referrals = referrals_until(histories, as_of) if referrals is None else referrals
    ends = referrals.select("referral_id", "ended_on", "end")
    until = pl.col("as_of").dt.offset_by(f"{horizon_weeks}w")
    inside = pl.col("ended_on").is_not_null() & (pl.col("ended_on") <= until)
    failed = (
        pl.when(inside & (pl.col("end") == "ADMINISTRATIVE"))
        .then(None)
        .otherwise(inside & (pl.col("end") == "ENGAGEMENT"))
    )
    known = past.filter(until < as_of).join(ends, on="referral_id", how="left").with_columns(failed=failed)
    return (
        known.drop_nulls("failed")
        .with_columns(
            missed=pl.when("failed").then(~pl.col("flagged")),
            flagged_wrongly=pl.when(~pl.col("failed")).then("flagged"),
            flag_right=pl.when("flagged").then("failed"),
        )
        .drop("ended_on", "end")
        .sort("crn", "referral_id", "as_of")
    )
