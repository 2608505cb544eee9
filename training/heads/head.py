"""How is one head that answers yes or no about rows fitted, calibrated and judged, each on later rows?

Used by commence and complete. What comes out is the head's document for the bundle, its calibration, and the
held-out figures, by time, region and sentence type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from scoring.columns import columns_of
from scoring.scorecard import Scorecard
from scoring.scorecard.calibration import CalibrationMap
from training.config import TrainingConfig
from training.heads.fitting import AS_IT_IS, calibrate, fit_scorecard, unseen_line
from training.heads.performance import barely_predictable, gain_over_base_rate, performance
from training.heads.profile import profile
from training.heads.splits import TimeBlocks, blocks, sample

FloatArray = npt.NDArray[np.float64]
IMPORTANT = 30
#: From this many rows on, a calibration block alone tells how far to stretch log odds.
ENOUGH_TO_CALIBRATE = 5_000
GROUPS = {"region": "region", "sentence_type": "sentence_type_of_row"}


@dataclass(frozen=True, kw_only=True)
class HeadRows:
    """Rows of one head: `frame` has the features and crn, as_of, y (0 or 1), weight, region, sentence_type_of_row."""

    frame: pl.DataFrame
    features: tuple[str, ...]
    censored: int

    def where(self, condition: pl.Expr) -> pl.DataFrame:
        """The rows of one block."""
        return self.frame.filter(condition)


@dataclass(frozen=True, kw_only=True)
class FittedHead:
    """A fitted head: what serves, and what is known of it."""

    head: str
    scorecard: Scorecard
    calibration: CalibrationMap
    document: Mapping[str, Any]
    blocks: TimeBlocks
    test: pl.DataFrame

    def predict(self, frame: pl.DataFrame) -> FloatArray:
        """The calibrated chance of each row."""
        return np.asarray(self.calibration.predict(_scores(self.scorecard, frame)), dtype=np.float64)


def fit_head(
    head: str,
    question: str,
    rows: HeadRows,
    *,
    labels: Mapping[str, str],
    config: TrainingConfig,
    monotone: Mapping[str, int] | None = None,
) -> FittedHead:
    """Fit, calibrate and judge one head on the three blocks of its usable rows."""
    cut = blocks(
        rows.frame["as_of"],
        calibration_share=config.blocks.calibration_share,
        test_share=config.blocks.test_share,
        head=head,
    )
    fit_rows = sample(rows.where(cut.fit()), by="crn", at_most=config.scorecards.max_rows, seed=config.seed)
    later, last = rows.where(cut.calibrate()), rows.where(cut.test())
    design, outcome = fit_rows.select(rows.features), fit_rows["y"].to_numpy()
    how: dict[str, Any] = {
        "weight": fit_rows["weight"].to_numpy(),
        "settings": config.scorecards.for_people(fit_rows["crn"].n_unique()),
        "monotone": monotone,
        "groups": fit_rows["crn"],
        "random_state": config.seed,
        "n_jobs": config.threads,
    }
    card = fit_scorecard(design, outcome, **how)
    line = unseen_line(design, outcome, **how) if later.height < ENOUGH_TO_CALIBRATE else AS_IT_IS
    mapped = calibrate(
        _scores(card, later),
        later["y"].to_numpy(),
        weight=later["weight"].to_numpy(),
        groups=later["crn"].to_numpy(),
        line=line,
    )
    chances = np.asarray(mapped.predict(_scores(card, last)), dtype=np.float64)
    base_rate = float(np.average(later["y"].to_numpy(), weights=later["weight"].to_numpy()))
    truth = last["y"].to_numpy()
    people = last["crn"].to_list()
    held = performance(truth, chances, people, last["weight"].to_numpy())
    saved, errors = gain_over_base_rate(truth, chances, base_rate, people)
    document = {
        "head": head,
        "question": question,
        "scorecard": card.to_dict(),
        "labels": {name: labels.get(name, name.replace("_", " ")) for name in card.used_features},
        "barely_predictable": barely_predictable(truth, chances, base_rate, people),
        "base_rate": base_rate,
        "auc": 0.5 if held.auc is None else held.auc,
        "gain": {"log_loss_saved": saved, "standard_errors": errors},
        "performance": held.to_dict(),
        "by_group": {name: by_group(last, chances, column) for name, column in GROUPS.items()},
        "rows": {
            "fit": fit_rows.height,
            "calibrate": later.height,
            "test": last.height,
            "censored": rows.censored,
        },
        "blocks": cut.to_dict(),
        "importance": importance(card),
        "profile": profile(
            later.select(card.used_features), chances=np.asarray(mapped.predict(_scores(card, later)))
        ),
    }
    return FittedHead(head=head, scorecard=card, calibration=mapped, document=document, blocks=cut, test=last)


def importance(card: Scorecard) -> list[dict[str, Any]]:
    """The terms that move scores most, the largest first."""
    found = sorted(card.terms, key=lambda term: (-term.importance, term.name))
    return [{"term": term.name, "importance": term.importance} for term in found[:IMPORTANT]]


def by_group(frame: pl.DataFrame, chances: FloatArray, name: str) -> dict[str, dict[str, Any]]:
    """The held-out figures within each value of a column, by name of the value."""
    values = frame[name].cast(pl.String).fill_null("not recorded").to_numpy()
    truth, people, weight = (frame[name].to_numpy() for name in ("y", "crn", "weight"))
    found = {}
    for value in np.unique(values):
        here = values == value
        found[str(value)] = performance(truth[here], chances[here], people[here], weight[here]).to_dict()
    return found


def _scores(card: Scorecard, frame: pl.DataFrame) -> FloatArray:
    columns = columns_of(frame, card.used_features)
    if not columns:
        return np.full(frame.height, card.intercept)
    return card.score_many(columns)
