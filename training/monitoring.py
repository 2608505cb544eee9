"""Do the latest referrals look like those the heads were calibrated on? What a month can show before labels do.

Outcomes arrive months late, so the first sign of a changed world is in the inputs and in the chances: their
population stability index against the profile that each head carries. Too few rows show nothing but noise.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import polars as pl

from training.head import FittedHead
from training.profile import MOVED_MUCH, stability

WATCHED_DAYS = 28
#: With fewer rows the index exceeds its reading aids by chance alone (its noise is about bins over rows).
LEAST_ROWS = 300


def latest_month(head: FittedHead, frame: pl.DataFrame, *, until: date) -> Mapping[str, Any]:
    """The stability of the last 28 days' rows (`frame` has `as_of` and features), and what has moved much.

    `alerts` are sentences for the model card; without enough rows there are none, and `rows` says so.
    """
    rows = frame.filter(
        pl.col("as_of").is_between(until - timedelta(days=WATCHED_DAYS), until, closed="left")
    )
    if rows.height < LEAST_ROWS:
        return {"rows": rows.height, "stability": {}, "alerts": []}
    found = stability(head.document["profile"], rows, chances=head.predict(rows))
    labels = head.document["labels"]
    moved = sorted(
        (name for name, index in found.items() if index > MOVED_MUCH), key=lambda name: -found[name]
    )
    alerts = [
        f"{head.head}: {labels.get(name, name)} has moved much within {WATCHED_DAYS} days (index {found[name]:.2f})"
        for name in moved
    ]
    return {"rows": rows.height, "stability": found, "alerts": alerts}
