"""Logs of generated worlds with their truth, kept small, for the benchmarks of the benefit head.

A world is written by `signpost synthesise`, reduced to its decision points (what was known, done and seen, and
what the truth says about every arm), and deleted. The reduced log stays in its folder, so a stopped run is taken up
where it ended.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from catalogue import choice, frames, load
from catalogue.fields import NEED_THRESHOLDS
from catalogue.frames import statuses
from features.histories import Histories
from features.outcomes import referral_outcomes
from features.subject import subjects
from training import policy_value
from training.benefit import effects
from worlds import generate

START, END = date(2021, 1, 1), date(2026, 1, 1)
NONE = "NONE"
AUDITED = ("sex", "ethnicity")


@dataclass(frozen=True, kw_only=True)
class Log:
    """A world's decision points; `mean`, `allowed`, `usual` are the truth, [rows, names].

    `status` and `need` [rows, ids] are what advice reads of the rules: eligibility and the need met first.
    """

    name: str
    features: pl.DataFrame
    points: pl.DataFrame
    eligible: pl.DataFrame
    names: list[str]
    mean: np.ndarray
    allowed: np.ndarray
    usual: np.ndarray
    found: np.ndarray
    ids: list[str]
    status: np.ndarray
    need: np.ndarray

    @property
    def outcome(self) -> np.ndarray:
        """Progress, NaN where it is not known."""
        return self.points["progressed"].cast(pl.Float64).fill_null(float("nan")).to_numpy()

    @property
    def effect(self) -> np.ndarray:
        """The true effect of every arm, [rows, names]."""
        return self.mean - self.mean[:, [self.names.index(NONE)]]

    def fit_arguments(self) -> dict[str, object]:
        """What `BenefitModel.fit` takes in addition to the features."""
        return {
            "arm": self.points["arm"].to_numpy(),
            "outcome": self.outcome,
            "groups": self.points["crn"].to_numpy(),
            "time": self.points["decided_on"].to_physical().to_numpy(),
            "eligible": self.eligible,
            "always_recorded": self.points["reoffended"].fill_null(value=False).to_numpy(),
        }


def model_settings() -> dict[str, object]:
    """What a release trains its benefit model with, from the catalogue."""
    catalogue = load()
    return {
        "min_support": 30,
        "families": effects.families(catalogue),
        "targets": {entry.id: tuple(entry.needs) for entry in catalogue.interventions},
        "thresholds": NEED_THRESHOLDS,
    }


def log_of(*, world: str, people: int, seed: int, folder: Path) -> Log:
    """The log of a world, made and reduced first where the folder does not hold it yet."""
    name = f"{world}-{people}-{seed}"
    place = folder / name
    if not (place / "done").exists():
        scratch = folder / f"{name}.world"
        shutil.rmtree(scratch, ignore_errors=True)
        generate(people=people, seed=seed, start=START, end=END, out=scratch, world=world)
        reduce(scratch, place)
        shutil.rmtree(scratch)
    return read(place)


def reduce(world: Path, place: Path) -> None:
    """Write the decision points of a world's folder, with the truth about them."""
    histories = Histories.open(world)
    catalogue = load()
    rows = effects.decision_rows(
        histories, training_date=histories.last_day + timedelta(days=1), catalogue=catalogue
    )
    names = sorted(rows.eligible.columns)
    mean, allowed, usual, found = truth_of(world, rows.points, names)
    ended = referral_outcomes(histories).select("referral_id", "end")
    people = pl.read_parquet(world / "people.parquet").select("crn", "sex", "region")
    protected = pl.read_parquet(world / "protected.parquet").select("crn", "ethnicity")
    points = (
        rows.points.join(ended, on="referral_id", how="left", maintain_order="left")
        .join(people, on="crn", how="left", maintain_order="left")
        .join(protected, on="crn", how="left", maintain_order="left")
        .with_columns(completed=pl.col("end").fill_null("") == "COMPLETED")
    )
    place.mkdir(parents=True, exist_ok=True)
    facts = subjects(histories, points.select("crn", "assessment_id", as_of="decided_on"))
    need = choice.first_needs(choice.needs_of(frames.read(facts)), catalogue)
    rows.features.write_parquet(place / "features.parquet")
    points.write_parquet(place / "points.parquet")
    rows.eligible.write_parquet(place / "eligible.parquet")
    np.savez_compressed(
        place / "truth.npz",
        mean=mean.astype(np.float32),
        allowed=allowed,
        usual=usual.astype(np.float32),
        found=found,
        ids=np.array(catalogue.ids),
        status=statuses(facts, catalogue),
        need=need.astype(np.int8),
    )
    (place / "done").write_text(json.dumps({"points": points.height}) + "\n")


def read(place: Path) -> Log:
    """A reduced log."""
    eligible = pl.read_parquet(place / "eligible.parquet")
    with np.load(place / "truth.npz") as truth:
        parts = {key: truth[key] for key in ("mean", "allowed", "usual", "found", "ids", "status", "need")}
    return Log(
        name=place.name,
        features=pl.read_parquet(place / "features.parquet"),
        points=pl.read_parquet(place / "points.parquet"),
        eligible=eligible,
        names=sorted(eligible.columns),
        mean=parts["mean"].astype(np.float64),
        allowed=parts["allowed"],
        usual=parts["usual"].astype(np.float64),
        found=parts["found"],
        ids=parts["ids"].tolist(),
        status=parts["status"],
        need=parts["need"].astype(np.int64),
    )


def truth_of(
    folder: Path, points: pl.DataFrame, names: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The truth of every decision point: mean outcome, eligible, usual chances; and where there is one."""
    keys = points.select("crn", "decided_on").unique()
    outcomes = (
        pl.scan_parquet(folder / "truth" / "potential_outcomes.parquet")
        .join(keys.lazy(), on=["crn", "decided_on"], how="semi")
        .collect()
    )
    truth = policy_value.read_truth(outcomes)
    at = points.join(
        truth.keys.with_row_index("row"), on=["crn", "decided_on"], how="left", maintain_order="left"
    )["row"]
    found = at.is_not_null().to_numpy()
    places = at.fill_null(0).to_numpy()
    columns = [truth.arms.index(name) if name in truth.arms else -1 for name in names]
    keep = np.array([c >= 0 for c in columns])
    mean = np.where(keep, truth.mean[places][:, columns], 0.0)
    allowed = np.where(keep, truth.eligible[places][:, columns], False)
    allowed[:, names.index(NONE)] = True
    usual = np.where(keep, truth.propensity[places][:, columns], 0.0)
    return mean, allowed, usual / np.maximum(usual.sum(axis=1, keepdims=True), 1e-12), found
