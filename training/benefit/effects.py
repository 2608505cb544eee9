"""The benefit head and the similar people of a release, fitted on decision points.

The estimators are `training.benefit` and `training.benefit.similar`; this module gathers their rows: features
as they were known at the decision (with its assessment), eligibility by the rules of that day, and the labels
whose window has closed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl

from catalogue import Catalogue
from catalogue.eligibility import NOT_ELIGIBLE
from catalogue.fields import NEED_THRESHOLDS
from catalogue.frames import statuses
from features import batch
from features.histories import Histories
from features.outcomes import CONVICTION_DAYS, LATER_ASSESSMENT_DAYS, NO_ARM, decision_points, progress
from features.spec import Use
from features.subject import subjects
from training.benefit import sensitivity, similar
from training.benefit.model import BenefitModel
from training.benefit.tree import grow
from training.config import TrainingConfig
from training.heads.splits import last_usable

#: What makes people similar, from the closest likeness to the coarsest (decision 0601 and docs/benefit.md).
LADDER = (
    ("ogrs_2yr", "need_total", "motivation", "sentence_type"),
    ("ogrs_2yr", "need_total", "motivation"),
    ("ogrs_2yr", "need_total"),
    ("ogrs_2yr",),
)
#: About how many decision points the policy is explained on.
EXPLAINED_ROWS = 20_000


@dataclass(frozen=True, kw_only=True)
class DecisionRows:
    """Decision points with features, what was done, the outcome, and who could have had what."""

    features: pl.DataFrame
    points: pl.DataFrame
    eligible: pl.DataFrame


@dataclass(frozen=True, kw_only=True)
class FittedEffects:
    """The documents of benefit.json and similar.json."""

    benefit: Mapping[str, Any]
    similar: Mapping[str, Any]
    rows: int


def decision_rows(histories: Histories, *, training_date: date, catalogue: Catalogue) -> DecisionRows:
    """Every decision point whose labels may be used at the training date."""
    stop = last_usable(training_date, window_days=LATER_ASSESSMENT_DAYS[1], gap_days=CONVICTION_DAYS)
    points = (
        decision_points(histories, known_before=training_date)
        .filter(pl.col("decided_on") < stop)
        .join(
            progress(histories, known_before=training_date),
            on=["crn", "decided_on"],
            how="left",
            maintain_order="left",
        )
    )
    asked = points.select("crn", "assessment_id", as_of="decided_on")
    features = batch.evaluate(histories, asked, uses={Use.SCORING})
    facts = subjects(histories, asked)
    arms = sorted(set(points["arm"]) - {NO_ARM})
    open_to = statuses(facts, catalogue) != NOT_ELIGIBLE
    place = {name: column for column, name in enumerate(catalogue.ids)}
    nobody = np.zeros(points.height, dtype=np.bool_)
    # Practice sent them, so the arm was open to them, even if the records say otherwise; NONE is always open.
    eligible = points.select(
        *(
            (pl.Series(open_to[:, place[arm]] if arm in place else nobody) | (pl.col("arm") == arm)).alias(
                arm
            )
            for arm in arms
        ),
        pl.lit(value=True).alias(NO_ARM),
    )
    return DecisionRows(features=features.drop("crn", "as_of"), points=points, eligible=eligible)


def families(catalogue: Catalogue) -> dict[str, tuple[str, str]]:
    """What each intervention is pooled with: others of its type, and within it of its family.

    Types differ in how much is done with a person (an accredited programme against a toolkit), families in
    what.
    """
    return {entry.id: (str(entry.type), str(entry.family)) for entry in catalogue.interventions}


def fit(
    histories: Histories, *, training_date: date, catalogue: Catalogue, config: TrainingConfig
) -> FittedEffects:
    """Fit the effects of every arm and count the outcomes of similar people."""
    rows = decision_rows(histories, training_date=training_date, catalogue=catalogue)
    points = rows.points
    outcome = points["progressed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    model = BenefitModel(
        reference=NO_ARM,
        min_support=float(config.benefit.min_support),
        families=families(catalogue),
        targets={entry.id: entry.needs for entry in catalogue.interventions},
        thresholds=NEED_THRESHOLDS,
        threads=config.threads,
        random_state=config.seed,
    ).fit(
        rows.features,
        points["arm"].to_numpy(),
        outcome,
        groups=points["crn"].to_numpy(),
        time=points["decided_on"].to_physical().to_numpy(),
        eligible=rows.eligible,
        always_recorded=points["reoffended"].fill_null(value=False).to_numpy(),
    )
    ladder = similar.build(
        rows.features,
        points["arm"].to_numpy(),
        outcome,
        ladder=LADDER,
        groups=points["crn"].to_numpy(),
    )
    document = model.to_effect_model().to_dict()
    document["report"] = {**document["report"], **_explained(model, rows)}
    return FittedEffects(benefit=document, similar=ladder.to_dict(), rows=points.height)


def _explained(model: BenefitModel, rows: DecisionRows) -> dict[str, Any]:
    """The policy in at most three questions, and how strong a hidden factor would have to be to overturn it.

    From a sample of evenly spaced decision points: both are for readers and are not served.
    """
    step = max(rows.points.height // EXPLAINED_ROWS, 1)
    features, eligible = rows.features.gather_every(step), rows.eligible.gather_every(step)
    tree = grow(model.to_effect_model(), features, eligible=eligible)
    leading = sensitivity.leading_suggestions(model, features, eligible=eligible)
    return {"policy_tree": tree.to_dict(), "leading_suggestions": leading.to_dict("records")}
