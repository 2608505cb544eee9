"""The engines that can run a feature specification: polars by default, DuckDB or Spark by choice.

An engine lends three things: it takes a frame in, hands frames on as
`narwhals.stable.v2` lazy frames, and brings a result back as polars. Everything
between is one set of expressions (`features.batch`).
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

    def take(self, frame: pl.LazyFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame inside the engine."""

    def prepare(self, frame: pl.LazyFrame, stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
        """A stream's events inside the engine, with versions and, if `ordered`, positions."""

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

    def take(self, frame: pl.LazyFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame as it is; polars needs no name."""
        del name
        return nw.from_native(frame)

    def prepare(self, frame: pl.LazyFrame, stream: Stream, *, ordered: bool) -> nw.LazyFrame[Any]:
        """Sort what has to be sorted, in memory."""
        events = preparing.by_sorting(frame.collect(engine="streaming"), stream, ordered=ordered)
        return nw.from_native(events.lazy())

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
    """An engine that reads what polars laid down as Parquet in a folder of its own."""

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
        taken = self.take(frame.with_columns(preparing.content(stream)), stream.name)
        return self.settle(preparing.by_windows(taken, stream, ordered=ordered))

    @abstractmethod
    def take(self, frame: pl.LazyFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame inside the engine."""

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

    def take(self, frame: pl.LazyFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame as a relation over a Parquet file."""
        return nw.from_native(self._connection.read_parquet(self._lay_down(frame, name)))

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
    """PySpark, in the session that is running, or a local one."""

    def __init__(self) -> None:
        super().__init__()
        from pyspark.sql import SparkSession

        self._mine = SparkSession.getActiveSession() is None
        # For a session of our own: no web pages, and no more shuffle partitions than cores can use.
        local = SparkSession.builder.config("spark.ui.enabled", "false").config(
            "spark.ui.showConsoleProgress", "false"
        )
        self._session = local.config("spark.sql.shuffle.partitions", "8").getOrCreate()

    def take(self, frame: pl.LazyFrame, name: str) -> nw.LazyFrame[Any]:
        """The frame as a Spark frame over a Parquet file."""
        taken: nw.LazyFrame[Any] = nw.from_native(self._session.read.parquet(self._lay_down(frame, name)))
        return taken

    def settle(self, frame: nw.LazyFrame[Any]) -> nw.LazyFrame[Any]:
        """Kept by Spark after its first use."""
        settled: nw.LazyFrame[Any] = nw.from_native(frame.to_native().cache())
        return settled

    def bring(self, frame: nw.LazyFrame[Any]) -> pl.DataFrame:
        """Run the job and hand the result over through Arrow."""
        return pl.DataFrame(frame.collect("pyarrow").to_native())

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._mine:
            self._session.stop()
        super().__exit__(kind, error, trace)


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
