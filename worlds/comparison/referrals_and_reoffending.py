"""How did referrals, supervision and reoffending go? The figures of what followed a sentence."""

from __future__ import annotations

import polars as pl

from features.reasons import ReasonOutcome
from features.reasons import codes as reason_codes
from worlds.comparison.values import CONVICTIONS, YEAR, Tables, Value, area, share, with_reoffending
from worlds.sentencing import ORDERS


def ended_referrals(tables: Tables) -> pl.DataFrame:
    """Referrals that ended for a reason of engagement or success: commenced, completed."""
    events = tables["referral_events"]
    status, reason = pl.col("status"), pl.col("reason")
    ends = events.group_by("referral_id").agg(
        commenced=(status == "ON_PROGRAMME").any(),
        completed=(status == "COMPLETED").any(),
        ended=status.is_in(["COMPLETED", "WITHDRAWN"]).any(),
        reason=reason.filter(status == "WITHDRAWN").first(),
    )
    engaged = pl.col("reason").is_in(reason_codes(ReasonOutcome.ENGAGEMENT))
    return tables["referrals"].join(
        ends.filter(pl.col("ended") & (pl.col("completed") | engaged)), on="referral_id"
    )


_TREATMENT = {
    "drr_started": "drug-rehabilitation-requirement",
    "atr_started": "alcohol-treatment-requirement",
}


def delivery(tables: Tables) -> dict[str, Value]:
    """Starting, finishing and attending."""
    ended = ended_referrals(tables)
    outside = ended.filter(setting="COMMUNITY")
    programmes = outside.filter(pl.col("intervention_id").str.ends_with("-acp"))
    ordered = programmes.filter(source="REQUIREMENT")
    tsp = outside.filter(intervention_id="thinking-skills-programme-acp")
    treatment = outside.filter(pl.col("intervention_id").is_in(list(_TREATMENT.values())))
    inside = ended.filter(
        pl.col("setting").is_in(["CUSTODY", "PRE_RELEASE"]) & pl.col("intervention_id").str.ends_with("-acp")
    )
    begun = programmes.filter("commenced")
    born = tables["people"].select("crn", "date_of_birth").unique("crn", keep="last", maintain_order=True)
    aged = begun.join(born, on="crn").with_columns(age=pl.col("referred_on") - pl.col("date_of_birth"))
    enforced = tables["referral_events"].filter(pl.col("status").is_in(["BREACH", "RECALL"]))["referral_id"]
    dropped = begun.filter(~pl.col("completed"))["referral_id"]
    listed = tables["directory"].drop_nulls("pdu")
    units = listed["pdu"].n_unique()
    quarters = listed.select("pdu", "valid_from").unique().height
    housed = (
        listed.filter(intervention_id="accommodation-services-crs")
        .select("pdu", "valid_from")
        .unique()
        .height
    )
    work = tables["referrals"].filter(pl.col("intervention_id").str.starts_with("unpaid-work"))
    attended = tables["sessions"].join(work, on="referral_id", how="semi")["outcome"]
    return {
        "programme_commenced": share(ordered["commenced"]),
        "programme_starters_completed": share(programmes.filter("commenced")["completed"]),
        "programme_completed": share(programmes["completed"]),
        "dropouts_enforced": share(dropped.is_in(enforced.implode())),
        "prison_not_completed": share(~inside.filter("commenced")["completed"]),
        "completion_by_age": area(aged["age"].dt.total_days(), aged["completed"]),
        **{
            figure: share(treatment.filter(intervention_id=one)["commenced"])
            for figure, one in _TREATMENT.items()
        },
        "housing_offered": (housed / max(quarters, 1), units),
        "tsp_never": share(~tsp["commenced"]),
        "tsp_dropped": share(tsp["commenced"] & ~tsp["completed"]),
        "tsp_completed": share(tsp["completed"]),
        "treatment_started": share(treatment["commenced"]),
        "treatment_completed": share(treatment.filter("commenced")["completed"]),
        "unpaid_work_attendance": share(
            attended.filter(attended != "RESCHEDULED").str.starts_with("ATTENDED")
        ),
    }


def behaviour(tables: Tables) -> dict[str, Value]:
    """Appointments kept, orders completed, and breach for the same absences by ethnicity."""
    outcome = tables["contacts"]["outcome"]
    sentences = tables["sentences"]
    last = sentences["known_on"].max()
    orders = sentences.filter(pl.col("sentence_type").is_in(ORDERS) & (pl.col("ends_on") <= last))
    keys = ["crn", "event_number"]
    begun = tables["enforcement"].filter(kind="BREACH_PROVEN").select("crn", on="occurred_on")
    custody = sentences.filter(sentence_type="CUSTODY").select("crn", on="starts_on")
    broken = (
        orders.join(pl.concat([begun, custody]), on="crn")
        .filter((pl.col("on") > pl.col("starts_on")) & (pl.col("on") <= pl.col("ends_on")))
        .select(keys)
        .unique()
        .with_columns(broken=True)
    )
    ran = orders.select(keys).join(broken, on=keys, how="left")["broken"].fill_null(value=False)
    return {
        "appointments_attended": share(outcome.filter(outcome != "RESCHEDULED").str.starts_with("ATTENDED")),
        "orders_completed": share(~ran),
        "breach_ratio": _breach_ratio(tables),
    }


def _breach_ratio(tables: Tables) -> Value:
    """Breaches for each unacceptable absence: people of an ethnic minority over White British people."""
    absences = tables["contacts"].filter(outcome="UNACCEPTABLE_ABSENCE").group_by("crn").len("absences")
    breaches = tables["enforcement"].filter(kind="BREACH_STARTED").group_by("crn").len("breaches")
    rates = (
        tables["protected"]
        .filter(pl.col("ethnicity") != "PREFER_NOT_TO_SAY")
        .select("crn", white=pl.col("ethnicity") == "WHITE_BRITISH")
        .join(absences, on="crn")
        .join(breaches, on="crn", how="left")
        .group_by("white")
        .agg(
            rate=pl.col("breaches").fill_null(0).sum() / pl.col("absences").sum(),
            count=pl.col("breaches").sum(),
        )
    )
    found = {white: (rate, count) for white, rate, count in rates.rows()}
    if set(found) != {True, False} or not found[True][0]:
        return None, 0
    return found[False][0] / found[True][0], int(found[False][1])


def reoffending(tables: Tables) -> dict[str, Value]:
    """As the published cohorts: from the start of an order, or from release."""
    sentences, reoffences = tables["sentences"], tables["reoffences"]
    first = tables["contacts"]["scheduled_on"].min()
    last = sentences["known_on"].max()
    held = sentences.filter(sentence_type="CUSTODY").select(
        "crn", served=pl.col("ends_on") - pl.col("starts_on"), starts_on="ends_on"
    )
    starts = (
        sentences.filter(pl.col("sentence_type").is_in([*ORDERS, "LICENCE"]))
        .filter((pl.col("starts_on") >= first) & (pl.col("starts_on") <= pl.lit(last) - YEAR - CONVICTIONS))
        .join(held, on=["crn", "starts_on"], how="left")
    )
    cohort = with_reoffending(
        starts, reoffences, keys=["crn", "event_number"], since="starts_on", within=YEAR
    )
    released = cohort.filter(pl.col("sentence_type") == "LICENCE")
    half = pl.col("served") * 2
    late = pl.col("offence_on") <= pl.lit(last) - YEAR
    lag = reoffences.filter(late).select(pl.col("known_on") - pl.col("offence_on")).to_series()
    return {
        "reoffending": share(cohort["again"]),
        "reoffending_orders": share(cohort.filter(pl.col("sentence_type") != "LICENCE")["again"]),
        "reoffending_short_custody": share(released.filter(half < YEAR)["again"]),
        "reoffending_six_months": share(released.filter(half <= CONVICTIONS)["again"]),
        "ogrs_area": _ogrs_area(tables, last),
        "convictions_in_six_months": share(lag <= CONVICTIONS),
    }


def _ogrs_area(tables: Tables, last: object) -> Value:
    """How well the score of a full assessment ranks reoffending within two years."""
    keys = ["crn", "completed_on"]
    scored = (
        tables["assessments"]
        .filter((pl.col("layer") == 3) & (pl.col("completed_on") <= pl.lit(last) - 2 * YEAR - CONVICTIONS))
        .select(*keys, "ogrs_2yr")
    )
    seen = with_reoffending(scored, tables["reoffences"], keys=keys, since="completed_on", within=2 * YEAR)
    return area(seen["ogrs_2yr"], seen["again"])
