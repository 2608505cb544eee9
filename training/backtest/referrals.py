"""How do the commence and complete heads do, fitted at each date and judged on all later blocks?

The first date's scorecard is also watched month by month to the end of the histories, as monitoring would have
seen it (`training.heads.monitoring`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from features.histories import Histories
from features.outcomes import referral_outcomes
from scoring.scorecard import Scorecard
from training.backtest.judging import SCORECARD, Block, curve
from training.backtest.walk import CALIBRATION_SHARE, BacktestStep, Walk, walk
from training.config import TrainingConfig
from training.heads import baselines, commence, complete, referrals
from training.heads.baselines import Fit, Predict
from training.heads.fitting import fit_scorecard
from training.heads.monitoring import Watch, calibration_by_month, watch
from training.heads.profile import profile
from training.heads.splits import sample
from training.heads.windows import labels_of, window_of

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class CalibratedModels:
    """The models of one training date: calibrated chances by name, and the scorecard that can be read."""

    predict: Mapping[str, Predict]
    card: Scorecard
    calibrated_on: pl.DataFrame


def referral_steps(
    histories: Histories, frame: pl.DataFrame, outcomes: pl.DataFrame, *, end: date, config: TrainingConfig
) -> Iterator[BacktestStep]:
    """Every step of both heads: `frame` has every referral's features, `outcomes` what is known of them now."""
    for head in (commence.HEAD, complete.HEAD):
        judged = referrals.rows(frame, labels_of(head, outcomes, end, config)).frame
        window = window_of(head, config)
        way = walk(judged["as_of"], end=end, window_days=window, head=head, config=config)
        for place, trained_on in enumerate(way.dates):
            then = referral_outcomes(histories, known_before=trained_on)
            known = referrals.rows(frame, labels_of(head, then, trained_on, config)).frame
            models = fit_models(known, config)
            first = _watched(head, models, frame, judged, end=end, config=config) if place == 0 else None
            yield _step(head, models, judged, way=way, place=place, watched=first)


def fit_models(rows: pl.DataFrame, config: TrainingConfig) -> CalibratedModels:
    """The scorecard and every baseline, fitted on the earlier rows and calibrated on the later ones."""
    # A day is never divided between the rows that fit and those that calibrate.
    first = rows["as_of"].sort()[int(rows.height * (1 - CALIBRATION_SHARE))]
    earlier, later = rows.filter(pl.col("as_of") < first), rows.filter(pl.col("as_of") >= first)
    fit_rows = sample(earlier, by="crn", at_most=config.backtest.max_rows, seed=config.seed)
    card = CardFit(config, fit_rows["crn"])
    models: dict[str, Fit] = {
        "base rate": baselines.base_rate,
        "OGRS alone": baselines.one_feature("ogrs_2yr"),
        "attendance so far alone": baselines.one_feature("contact_attendance_in_a_year"),
        "logistic": baselines.logistic,
        "unconstrained LightGBM": baselines.boosted(config.seed, config.threads),
        SCORECARD: card,
    }
    predict = baselines.compare(models, features=referrals.FEATURES, fit_rows=fit_rows, calibrate_rows=later)
    return CalibratedModels(predict=predict, card=card.fitted, calibrated_on=later)


class CardFit:
    """The glass box as one of the models of the table; it keeps what it fitted.

    `people` names the person of each row to fit on; as in training, one person's rows are held out together.
    """

    fitted: Scorecard

    def __init__(self, config: TrainingConfig, people: pl.Series) -> None:
        self._config, self._people = config, people

    def __call__(self, features: pl.DataFrame, y: FloatArray, weight: FloatArray) -> Predict:
        """Fit, and give the function from rows to scores."""
        config = self._config
        card = fit_scorecard(
            features,
            y,
            weight=weight,
            settings=config.scorecards.for_people(self._people.n_unique()),
            monotone=referrals.MONOTONE,
            groups=self._people,
            random_state=config.seed,
            n_jobs=config.threads,
        )
        self.fitted = card
        return lambda rows: (
            card.score_many(rows) if card.used_features else np.full(rows.height, card.intercept)
        )


def _step(
    head: str, models: CalibratedModels, judged: pl.DataFrame, *, way: Walk, place: int, watched: Watch | None
) -> BacktestStep:
    trained_on = way.dates[place]
    rows: list[dict[str, Any]] = []
    curves: list[dict[str, Any]] = []
    for number, (start, stop) in enumerate(way.blocks()[place:]):
        part = judged.filter(pl.col("as_of").is_between(start, stop, closed="left"))
        block = Block(
            head=head,
            trained_on=trained_on,
            start=start,
            number=number,
            truth=part["y"].to_numpy(),
            groups=part["crn"].to_numpy(),
            about=part,
            weight=part["weight"].to_numpy(),
        )
        for name, predict in models.predict.items():
            chance = predict(part)
            own = name == SCORECARD and number == 0
            rows.extend(block.judge(name, chance, by_group=own))
            if own:
                about = {"head": head, "trained_on": trained_on}
                curves += [about | point for point in curve(block.truth, chance)]
    return BacktestStep(
        head=head, trained_on=trained_on, rows=tuple(rows), curve=tuple(curves), watched=watched
    )


def _watched(
    head: str,
    models: CalibratedModels,
    frame: pl.DataFrame,
    judged: pl.DataFrame,
    *,
    end: date,
    config: TrainingConfig,
) -> Watch:
    """What monitoring would have said about this date's scorecard, from then to the end of the histories."""
    names, predict = models.card.used_features, models.predict[SCORECARD]
    days = models.calibrated_on["as_of"]
    first, last = days.min(), days.max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    since = last + timedelta(days=1)
    then = frame.filter(pl.col("as_of").is_between(first, last))
    later = judged.filter(pl.col("as_of") >= since)
    return watch(
        head,
        held=profile(then.select(names), chances=predict(then)),
        labels=referrals.LABELS,
        frame=frame,
        chances=predict(frame),
        since=since,
        until=end,
        months=calibration_by_month(
            later["as_of"],
            later["y"].to_numpy(),
            predict(later),
            later["crn"].to_numpy(),
            since=since,
            until=end,
            delay_days=window_of(head, config) + config.blocks.label_gap_days,
            weight=later["weight"].to_numpy(),
        ),
    )
