"""Rows of referrals as they could have been seen on the day they were made: person, intervention, and the fit.

The same features that the service computes at the moment of suggestion for any person and any intervention
(`features.fit`); here for the pairs that were tried.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

from catalogue import Catalogue
from features import batch, fit
from features.definitions import SPEC
from features.histories import Histories
from features.spec import Use
from features.subject import subjects
from training.heads.head import HeadRows
from training.heads.labels import Labels

FEATURES: tuple[str, ...] = (*fit.PERSON_FEATURES, *fit.FIT_FEATURES)
LABELS: Mapping[str, str] = MappingProxyType(
    {**{name: SPEC[name].label for name in fit.PERSON_FEATURES}, **fit.LABELS}
)
#: Missing an appointment or a session never makes starting or finishing look more likely.
MONOTONE: Mapping[str, int] = MappingProxyType(
    {
        "missed_contacts_in_28_days": -1,
        "missed_contacts_in_90_days": -1,
        "missed_contacts_in_a_year": -1,
        "sessions_missed_in_90_days": -1,
        "sessions_missed_in_a_year": -1,
    }
)


def frame(histories: Histories, outcomes: pl.DataFrame, *, catalogue: Catalogue) -> pl.DataFrame:
    """One row a referral of `features.outcomes.referral_outcomes`: its features, and who, when and where.

    Referrals to something that the catalogue does not know are left out: nothing is known of their fit.
    Columns: referral_id, crn, as_of, region, sentence_type_of_row, and the features of `FEATURES`.
    """
    known = {entry.id for entry in catalogue.interventions}
    # What was referred to, and when, as it was first recorded: a later correction is not known on the day.
    made = (
        fit.as_made(histories).select("referral_id", "crn", "intervention_id", as_of="referred_on").collect()
    )
    pairs = (
        outcomes.select("referral_id", "crn")
        .join(made, on=["referral_id", "crn"], maintain_order="left")
        .filter(pl.col("intervention_id").is_in(sorted(known)) & pl.col("as_of").is_not_null())
    )
    points = pairs.select("crn", "as_of")
    features = batch.evaluate(histories, points, uses={Use.SCORING})
    facts = subjects(histories, points)
    reach = fit.access(histories, pairs.select("referral_id"))
    rows = fit.fit_frame(
        features,
        facts,
        pairs.select("intervention_id").hstack(reach.select("minutes", "waiting_weeks")),
        catalogue=catalogue,
    )
    about = pairs.select("referral_id", "crn", "as_of").hstack(
        facts.select("region", pl.col("sentence_type").alias("sentence_type_of_row"))
    )
    return about.hstack(rows.select(FEATURES))


def rows(referrals: pl.DataFrame, labels: Labels) -> HeadRows:
    """The rows of a head: the referrals that have a label, in the order of their days."""
    labelled = labels.rows.select("referral_id", "y", "weight").join(referrals, on="referral_id")
    return HeadRows(frame=labelled.sort("as_of", "referral_id"), features=FEATURES, censored=labels.censored)
