"""The engines that one test body runs on, how many made histories each is shown, and Spark's session.

Spark runs where PySpark and Java are: `make test-spark` installs PySpark beside the environment and runs
the tests marked so, and `.ci/run` calls it where there is Java. Elsewhere they are left out, aloud.
"""

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

SPARK = importlib.util.find_spec("pyspark") is not None and shutil.which("java") is not None
# The gateway to Java leaves its sockets to the collector, which warns of each.
_SPARK = (
    pytest.mark.spark,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
)
ENGINES = (
    pytest.param("polars", id="polars"),
    pytest.param("duckdb", id="duckdb"),
    pytest.param("spark", id="spark", marks=_SPARK),
)
# Histories made by chance beside the ones that are always shown; a query costs Spark seconds.
_MADE = {"polars": 6, "duckdb": 1, "spark": 0}
Body = Callable[[int, int, int], None]


def on_made_histories(engine: str, body: Body) -> None:
    """Run the body on histories made by seed: (seed, people, rows a person). One that is full always comes first."""
    made = _MADE[engine]
    phases = (Phase.explicit, Phase.generate, Phase.shrink) if made else (Phase.explicit,)

    @settings(max_examples=max(made, 1), deadline=None, derandomize=True, phases=phases)
    @given(seed=st.integers(0, 2**32 - 2), people=st.integers(1, 5), rows=st.integers(0, 14))
    @example(seed=20200229, people=5, rows=14)
    def shown(seed: int, people: int, rows: int) -> None:
        body(seed, people, rows)

    shown()


@contextmanager
def small_spark() -> Iterator[Any]:
    """A session on two cores of this machine, reached over loopback only, tuned for questions of a few rows."""
    from pyspark.sql import SparkSession

    wanted = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.default.parallelism": "1",
        "spark.sql.adaptive.enabled": "false",
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.shuffle.compress": "false",
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]").appName("signpost-tests")
    for name, value in wanted.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        yield session
    finally:
        session.stop()
