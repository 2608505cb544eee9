"""What would it be worth to follow the first suggestion? From the log, and from the truth where there is one."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl

from catalogue import load
from catalogue.errors import UsageError
from features.histories import Histories
from scoring.bundle import Bundle
from scoring.national import suggestions_at
from scoring.progress import Report
from training.benefit.effects import decision_rows
from training.benefit.places import Places, allocate_places, read_capacity
from training.benefit.policy_logged import nuisances_of, value_of
from training.policy_value import read_truth, value_captured

NONE = "NONE"
POLICIES = {
    "first_suggestion": "the first suggestion, on whatever ground; supervision as usual where there is none",
    "first_by_effect": "the first suggestion where it rests on a clear effect; practice as it was where it does not",
    "within_capacity": "the suggestions as far as there are places, to those whom they help most; practice as it was for the rest",
}


def evaluate(
    histories: Histories, bundle: Bundle, *, out: Path, progress: Report, capacity: Path | None = None
) -> str:
    """Value following a bundle's suggestions at the histories' decision points, and write it as JSON.

    Args:
        histories: case histories; with `truth/` next to the tables the true value is given too.
        bundle: the release bundle whose suggestions are the policy.
        out: JSON file to write.
        progress: called with (done, total).
        capacity: file of places by region and week; with it, what the suggestions are worth within them, and
            whose need is left unmet.

    Returns:
        One sentence for the terminal.

    Raises:
        UsageError: no decision point's outcome is known yet, or the file of places cannot be used.
    """
    catalogue = load()
    limits = None if capacity is None else read_capacity(capacity, catalogue)
    rows = decision_rows(histories, training_date=histories.last_day + timedelta(days=1), catalogue=catalogue)
    points = rows.points
    if not points.height:
        raise UsageError(
            f"no decision point in {histories.folder} is old enough for its outcome to be known; give longer histories"
        )
    asked = points.select("crn", "assessment_id", as_of="decided_on")
    firsts, open_to = [], []
    for chunk in suggestions_at(histories, asked, bundle=bundle, catalogue=catalogue, progress=progress):
        firsts.append(
            chunk.filter(pl.col("rank") == 1).select(
                "crn", "as_of", "intervention_id", clear=pl.col("reason_codes").list.contains("CLEAR_EFFECT")
            )
        )
        if limits is not None:
            open_to.append(_candidates(chunk))
    first = pl.concat(firsts)
    chosen = points.join(
        first, left_on=["crn", "decided_on"], right_on=["crn", "as_of"], how="left", maintain_order="left"
    )
    policies = {
        "first_suggestion": chosen["intervention_id"].fill_null(NONE),
        "first_by_effect": chosen.select(pl.when("clear").then("intervention_id").alias("arm"))["arm"],
    }
    places = None
    if limits is not None:
        places = allocate_places(pl.concat(open_to), limits, histories)
        policies["within_capacity"] = _placed(points, places)
    truth = histories.folder / "truth" / "potential_outcomes.parquet"
    nuisances = nuisances_of(rows)
    found: dict[str, Any] = {
        "bundle_version": bundle.version,
        "decision_points": points.height,
        "in_sample": bool((points["decided_on"] <= bundle.data_to).any()),
        "outcomes_recorded": int(points["progressed"].is_not_null().sum()),
        "policies": {
            name: {
                "means": POLICIES[name],
                "suggested_by_effect": int(chosen["clear"].fill_null(value=False).sum()),
                "estimated": value_of(
                    rows, policy.to_list(), effects=bundle.benefit, nuisances=nuisances
                ).to_dict(),
                "true": _true_value(truth, points, policy) if truth.exists() else None,
            }
            for name, policy in policies.items()
        },
    }
    if places is not None:
        found["capacity"] = places.to_dict()
    out.write_text(json.dumps(found, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return _sentence(found, out)


def _candidates(chunk: pl.DataFrame) -> pl.DataFrame:
    """The rows of suggestions that are open to a person, as the allocation of places reads them."""
    return chunk.filter(pl.col("eligibility") == "ELIGIBLE").select(
        "crn",
        "as_of",
        pl.col("intervention_id").cast(pl.String),
        "effect",
        "feasible",
        suggested=pl.col("advice") == "SUGGESTED",
    )


def _placed(points: pl.DataFrame, places: Places) -> pl.Series:
    """The intervention that each decision point got a place on; null where it got none."""
    person = pl.format("{} {}", "crn", "decided_on")
    got = places.allocation.placed.select("person", arm="intervention_id")
    return points.select(person=person).join(got, on="person", how="left", maintain_order="left")["arm"]


def _true_value(truth: Path, points: pl.DataFrame, policy: pl.Series) -> dict[str, float | None]:
    """The truth of a generated world at the same decision points.

    A null of the policy leaves practice as it was; a choice that the truth rules out counts as supervision as usual.
    """
    keys = points.select("crn", "decided_on").with_columns(policy=policy)
    outcomes = pl.scan_parquet(truth).join(keys.lazy(), on=["crn", "decided_on"], how="semi").collect()
    known = read_truth(outcomes)
    aligned = known.keys.join(keys, on=["crn", "decided_on"], how="left", maintain_order="left")
    place = {name: column for column, name in enumerate(known.arms)}
    chances = known.propensity.copy()
    for row, name in enumerate(aligned["policy"]):
        if name is None:
            continue
        chances[row] = 0.0
        chances[row, place[name] if name in place and known.eligible[row, place[name]] else place[NONE]] = 1.0
    value = value_captured(
        mean=known.mean,
        eligible=known.eligible.astype(float),
        propensity=known.propensity,
        policy=chances,
        arms=known.arms,
    )
    return {
        "policy": value.policy,
        "status_quo": value.status_quo,
        "best_eligible": value.best,
        "captured": value.captured,
    }


def _sentence(found: dict[str, Any], out: Path) -> str:
    """The doubly robust value with its interval, or why none may be concluded from."""
    policy = found["policies"]["first_by_effect"]
    estimated = policy["estimated"]
    robust = estimated["estimates"]["DR"]
    if not estimated["conclusive"]:
        said = (
            f"nothing can be concluded: the effective sample is {estimated['effective_sample_size']:.0f}, "
            f"under the floor of {estimated['floor']:.0f}"
        )
    else:
        usual = estimated["status_quo"]["value"]
        said = (
            f"progress in {100 * robust['value']:.1f} of 100 (from {100 * robust['lower']:.1f} to "
            f"{100 * robust['upper']:.1f}), against {100 * usual:.1f} as it was"
        )
    if policy["true"] is not None and policy["true"]["captured"] is not None:
        said += f"; in truth {policy['true']['captured']:.2f} of the possible gain"
    if "capacity" in found:
        places = found["capacity"]
        said += (
            f"; within the places given, {places['placed']:,} of {places['people']:,} get one, and the gain is "
            f"{100 * places['gain_per_person']:.1f} in 100 people, against "
            f"{100 * places['gain_per_person_without_limits']:.1f} without limits"
        )
    if found["in_sample"]:
        said += "; the bundle was trained on some of these decision points, so the estimates flatter it"
    return f"following the first suggestion where its effect is clear: {said}; all of it is in {out}"
