"""The model that `benchmarks/serving_latency.py` lets MLflow serve, as most would write it.

`python benchmarks/serving_mlflow_model.py ROWS MODEL`: three unconstrained LightGBM classifiers of 300 trees (will it be
started, finished, will there be progress) behind an encoder of categories, as one pyfunc with a signature. How well it
predicts does not matter here, so its outcomes are made up from the rows.
"""

import sys
from pathlib import Path

import lightgbm
import mlflow.pyfunc
import numpy as np
import orjson
import pandas as pd
from mlflow.models import infer_signature
from sklearn.compose import make_column_transformer
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OrdinalEncoder

TREES = 300
LEAST = 4_000


class Chances(mlflow.pyfunc.PythonModel):  # type: ignore[misc]  # mlflow has no types
    """Three chances for every row."""

    def __init__(self, heads: dict[str, Pipeline]) -> None:
        self.heads = heads

    def predict(self, context: object, model_input: pd.DataFrame, params: object = None) -> pd.DataFrame:
        """The bare chances."""
        del context, params
        return pd.DataFrame(
            {name: head.predict_proba(model_input)[:, 1] for name, head in self.heads.items()}
        )


def main() -> None:
    rows = [row for person in orjson.loads(Path(sys.argv[1]).read_bytes()) for row in person]
    frame = typed(pd.DataFrame(rows))
    frame = pd.concat([frame] * (1 + LEAST // len(frame)), ignore_index=True)
    words = frame.select_dtypes(include=["object", "string"]).columns.tolist()
    chance = np.random.default_rng(1)
    heads = {}
    for name in ("started", "finished", "progress"):
        encoder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
        )
        heads[name] = make_pipeline(
            make_column_transformer((encoder, words), remainder="passthrough"),
            lightgbm.LGBMClassifier(n_estimators=TREES, num_leaves=31, n_jobs=1, verbose=-1),
        ).fit(frame, chance.random(len(frame)) < 0.5)
    model = Chances(heads)
    mlflow.pyfunc.save_model(
        sys.argv[2], python_model=model, signature=infer_signature(frame, model.predict(None, frame))
    )


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Numbers and answers as floats, the rest as texts: what every row can be read as."""
    found = {}
    for name in frame.columns:
        column = frame[name]
        worded = column.map(lambda value: isinstance(value, str)).any()
        found[name] = (
            column.astype(object).where(column.notna(), None) if worded else column.astype("float64")
        )
    return pd.DataFrame(found)


if __name__ == "__main__":
    main()
