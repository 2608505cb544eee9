"""Which labels of commence and complete may be used at a training date, and within what window are they read?"""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from training.config import TrainingConfig
from training.heads import commence, complete
from training.heads.labels import Labels


def window_of(head: str, config: TrainingConfig) -> int:
    """How many days after the referral is the label of commence or complete read?"""
    return config.outcomes.commence_days if head == commence.HEAD else config.outcomes.complete_days


def labels_of(head: str, outcomes: pl.DataFrame, training_date: date, config: TrainingConfig) -> Labels:
    """The labels of commence or complete that may be used at a training date."""
    window = window_of(head, config)
    stop = training_date - timedelta(days=window + config.blocks.label_gap_days)
    early = outcomes.filter(pl.col("referred_on") < stop)
    if head == commence.HEAD:
        return commence.labels(early, window_days=window)
    return complete.labels(early, window_days=window)
