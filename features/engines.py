"""The engines that can run a feature specification: polars by default, DuckDB or Spark by choice.

An engine takes a stream in, joins it to the points, hands frames on as
`narwhals.stable.v2` lazy frames, and brings a result back as polars. Everything
between is one set of expressions (`features.passes`).
"""

from __future__ import annotations

import importlib.util
import shutil
import tempfile
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import narwhals.stable.v2 as nw
import polars as pl

from catalogue.errors import UsageError
from features import preparing
from features.streams import Stream

ENGINES = ("polars", "duckdb", "spark")


class Engine(Protocol):
    """What the batch evaluator asks of an engine; one that works in memory is given block after block."""

    in_memory: bool

    def prepare(self, frame: pl.LazyFrame, stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
        """A stream's events inside the engine, with versions and, if `ordered`, positions."""

    def beside(self, events: nw.LazyFrame[Any], points: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """Each event joined to each point of its person; `name` is of the points inside the engine."""

    def take(self, frame: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """A small frame inside the engine."""

    def gaps(self, days: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Of `_point` and `event_day`: the days from each different day to the one before, as `gap`, null for the first."""

    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """The frame computed once, because several steps read it."""

    def bring(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """The result, in memory, as polars."""

    def __enter__(self) -> Self:
        """Open what the engine needs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release what the engine held."""


class PolarsEngine:
    """polars, lazily, with its streaming executor."""

    in_memory = True

    def take(self, frame: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame as it is; polars needs no name."""
        del name
        return nw.from_native(frame.lazy())

    def prepare(self, frame: pl.LazyFrame, stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
        """Sort what has to be sorted, in memory."""
        events = frame.collect(engine="streaming")
        return nw.from_native(preparing.by_sorting(events, stream, ordered=ordered).lazy())

    def beside(self, events: nw.LazyFrame[Any], points: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """A join; where each person has one point, a look at its place, which is many times faster."""
        del name
        native: pl.LazyFrame = events.to_native()
        places = pl.int_range(points.height, dtype=pl.Int32, eager=True)
        if not (points["person"] == places).all():
            return nw.from_native(native.join(points.lazy(), on="person"))
        in_memory = native.collect()
        person = in_memory["person"]
        columns = [points[column].gather(person) for column in points.columns if column != "person"]
        return nw.from_native(in_memory.with_columns(columns).lazy())

    def gaps(self, days: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Sort, and look at the row before."""
        native: pl.LazyFrame = days.to_native()
        earlier = pl.col("event_day").shift(1)
        neighbours = (pl.col("_point") == pl.col("_point").shift(1)) & (pl.col("event_day") > earlier)
        gap = pl.when(neighbours).then(pl.col("event_day") - earlier)
        return nw.from_native(native.sort("_point", "event_day").with_columns(gap=gap))

    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Collect, in memory."""
        return nw.from_native(self.bring(frame).lazy())

    def bring(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Collect."""
        native: pl.LazyFrame = frame.to_native()
        return native.collect(engine="streaming")

    def __enter__(self) -> Self:
        """Nothing to open."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to release."""


class _FileEngine(ABC):
    """An engine that reads what polars wrote as Parquet to a temporary folder."""

    in_memory = False

    def __init__(self) -> None:
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        self._folder = Path(tempfile.mkdtemp(prefix="signpost-features-"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder)

    def prepare(self, frame: pl.LazyFrame, stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
        """Window functions, inside the engine."""
        taken = self._read(self._lay_down(frame.with_columns(preparing.content(stream)), stream.name))
        return self.settle(preparing.by_windows(taken, stream, ordered=ordered))

    def beside(self, events: nw.LazyFrame[Any], points: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """A join, inside the engine."""
        return events.join(self.take(points, name), on="person")

    def take(self, frame: pl.DataFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame inside the engine."""
        return self._read(self._lay_down(frame.lazy(), name))

    def gaps(self, days: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """A window function over the different days, inside the engine."""
        earlier = nw.col("event_day").shift(1).over("_point", order_by="event_day")
        return days.unique(["_point", "event_day"]).with_columns(gap=nw.col("event_day") - earlier)

    @abstractmethod
    def _read(self, path: str) -> nw.LazyFrame[Any]:
        """A Parquet file as a frame of the engine."""

    @abstractmethod
    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """The frame computed once."""

    def _lay_down(self, frame: pl.LazyFrame, name: str) -> str:
        assert self._folder is not None
        path = self._folder / f"{name}.parquet"
        frame.sink_parquet(path)
        return str(path)


class DuckDBEngine(_FileEngine):
    """DuckDB, in memory, over Parquet."""

    def __init__(self) -> None:
        super().__init__()
        import duckdb

        self._settled = 0
        self._connection = duckdb.connect()
        # Order is restored from the points' own index; without this, memory grows with the input.
        self._connection.execute("SET preserve_insertion_order = false")

    def _read(self, path: str) -> nw.LazyFrame[Any]:
        return nw.from_native(self._connection.read_parquet(path))

    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """A table of its own."""
        self._settled += 1
        name = f"settled{self._settled}"
        frame.to_native().create(name)
        settled: nw.LazyFrame[Any] = nw.from_native(self._connection.table(name))
        return settled

    def bring(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Run the query and hand the result over through Arrow."""
        return pl.DataFrame(frame.collect("pyarrow").to_native())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        super().__exit__(kind, error, trace)


class SparkEngine(_FileEngine):
    """PySpark, in the session that is running, or a local one.

    A session on a cluster has to see the temporary folder (TMPDIR) from every worker.
    """

    def __init__(self) -> None:
        super().__init__()
        from pyspark.sql import SparkSession

        running = SparkSession.getActiveSession()
        self._mine = running is None
        self._session = running or _local_session(SparkSession.builder)
        self._kept: list[Any] = []

    def _read(self, path: str) -> nw.LazyFrame[Any]:
        read: nw.LazyFrame[Any] = nw.from_native(self._session.read.parquet(path))
        return read

    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Kept by Spark after its first use."""
        native = frame.to_native().cache()
        self._kept.append(native)
        settled: nw.LazyFrame[Any] = nw.from_native(native)
        return settled

    def bring(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Run the job and hand the result over through Arrow."""
        return pl.DataFrame(frame.collect("pyarrow").to_native())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for native in self._kept:
            native.unpersist()
        if self._mine:
            self._session.stop()
        super().__exit__(kind, error, trace)


def _local_session(builder: Any) -> Any:
    """A session on this machine alone: loopback, no web pages, no more shuffle partitions than cores can use."""
    settings = {
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": "8",
    }
    builder = builder.master("local[*]").appName("signpost")
    for name, value in settings.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def engine_of(name: str) -> Engine:
    """The engine of that name; UsageError for an unknown one or one that is not installed."""
    if name not in ENGINES:
        raise UsageError(f"There is no engine {name!r}; the engines are {', '.join(ENGINES)}.")
    if name == "polars":
        return PolarsEngine()
    if name == "duckdb":
        if importlib.util.find_spec("duckdb") is None:
            raise UsageError("The engine duckdb is not installed; install signpost[train].")
        return DuckDBEngine()
    if importlib.util.find_spec("pyspark") is None or shutil.which("java") is None:
        raise UsageError("The engine spark wants Java 17 and pyspark; install both with signpost[spark].")
    return SparkEngine()
