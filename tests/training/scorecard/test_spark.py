"""The SQL of a scorecard gives, in Spark itself, the score. Run by `make test-spark`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest

from tests.features.every_engine import small_spark
from training.scorecard import ScorecardClassifier

pytestmark = [
    pytest.mark.spark,
    # The gateway to Java leaves its sockets to the collector, which warns of each.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]
SCHEMA = "`odd ``name` double, whole bigint, flag boolean, text string"


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    with small_spark() as session:
        yield session


def _frame(rows: int, seed: int, *, unseen: bool = False) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    texts = ["it's", 'say "so"', "back\\slash", "new\nline", "plain", None]
    return pl.DataFrame(
        {
            "odd `name": [None if rng.random() < 0.1 else float(x) for x in rng.normal(size=rows)],
            "whole": rng.integers(0, 9, rows),
            "flag": [None if rng.random() < 0.1 else bool(x) for x in rng.integers(0, 2, rows)],
            "text": rng.choice([*texts, *(["never seen", ""] if unseen else [])], rows).tolist(),
        }
    )


def test_sql_in_spark_is_the_score(spark: Any) -> None:
    train = _frame(1500, 0)
    x = train["odd `name"].fill_null(2.0).to_numpy()
    text = (train["text"] == "it's").fill_null(value=False).to_numpy()
    y = x * (train["whole"].to_numpy() - 4) / 3 + text > 0
    model = ScorecardClassifier(bags=2, max_rounds=150, max_pairs=3).fit(train, y)
    assert {"odd `name", "whole", "text"} <= set(model.scorecard_.used_features)
    assert model.pairs_
    cuts = sorted({c for t in model.terms_ for a in t.axes if a.feature == "odd `name" for c in a.cuts})
    frame = _frame(600, 1, unseen=True)
    at_cuts = _frame(len(cuts), 2).with_columns(pl.Series("odd `name", cuts))
    frame = pl.concat([frame, at_cuts])
    rows = spark.createDataFrame(frame.rows(), SCHEMA)
    found = rows.selectExpr(
        f"{model.to_sql(dialect='spark')} AS raw",
        f"{model.to_sql(dialect='spark', probability=True)} AS chance",
    ).collect()
    assert np.abs(np.array([row["raw"] for row in found]) - model.decision_function(frame)).max() < 1e-9
    assert np.abs(np.array([row["chance"] for row in found]) - model.predict_proba(frame)[:, 1]).max() < 1e-9
