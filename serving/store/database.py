"""Connections to the store: SQLite by default, PostgreSQL by URL, the same rules on both.

`read`, `write` and `note` each give one transaction. On SQLite a writer takes the write lock at its beginning
(BEGIN IMMEDIATE); writers of this process queue on our own lock, because SQLite's own waiting is neither fair
nor quick. What is written is safe on disk when it is acknowledged (WAL with synchronous=FULL); what is noted is
safe from the end of the process at once, and from a power cut when the next write or `settle` has passed
(docs/decisions/0806-views-need-not-wait-for-the-disk.md). On PostgreSQL both are written alike, and the audit log's chain is kept
in order by an advisory lock.

`scoring` connections are for what computes scores: they cannot read protected characteristics, on SQLite by
the database's own authoriser, on PostgreSQL by `SET ROLE` where the role `signpost_scoring` exists.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from catalogue.errors import UsageError
from serving.store.tables import protected_characteristics

BUSY_MILLISECONDS: Final = 5_000
POOL: Final = 10
CHAIN_LOCK: Final = 7_303_014_002  # any number, as long as nothing else here uses it
SCORING_ROLE: Final = "signpost_scoring"
# SQLite's log of pages is brought into the file by `settle`; a writer does it only when the log has grown to this size.
LOG_PAGES: Final = 10_000


class Database:
    """One store.

    Args:
        url: `sqlite:///file.db` or `postgresql+psycopg://user@host/name` (plain `postgresql://` means the same).

    Raises:
        UsageError: when the URL is not one of these. Nothing is opened before it is needed.
    """

    def __init__(self, url: str) -> None:
        self.url = _url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self._engine = _engine(self.url, scoring=False)
        self._scoring = _engine(self.url, scoring=True)
        self._notes = _engine(self.url, scoring=False, durable=False) if self.is_sqlite else self._engine
        self._writer = threading.Lock()
        self._unsettled = False

    @property
    def engine(self) -> Engine:
        """The engine, for migrations."""
        return self._engine

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that only reads."""
        with self._engine.connect() as connection:
            yield connection

    @contextmanager
    def scoring(self) -> Iterator[Connection]:
        """One reading transaction that cannot see protected characteristics."""
        with self._scoring.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that writes: all of it, on disk, or none of it."""
        with self._writing(self._engine) as connection:
            yield connection

    @contextmanager
    def note(self) -> Iterator[Connection]:
        """One transaction that writes what was looked at: all of it or none, kept even if this process stops.

        On SQLite it does not wait for the disk: a power cut may take the notes of the last second, never one that
        was made before a `write`.
        """
        with self._writing(self._notes) as connection:
            yield connection

    @contextmanager
    def _writing(self, engine: Engine) -> Iterator[Connection]:
        if not self.is_sqlite:
            with engine.begin() as connection:
                yield connection
            return
        if not self._writer.acquire(timeout=BUSY_MILLISECONDS / 1000):
            raise TimeoutError("the store is busy")
        try:
            with (
                engine.connect().execution_options(signpost_write=True) as connection,
                connection.begin(),
            ):
                yield connection
            self._unsettled = True
        finally:
            self._writer.release()

    def settle(self) -> None:
        """Bring SQLite's log of pages into its file, on disk; nothing where nothing was written since the last time.

        It runs next to readers and writers, so that none of them has to do it.
        """
        if self._unsettled:
            self._unsettled = False
            try:
                self._checkpoint("PASSIVE")
            except (sqlite3.Error, SQLAlchemyError):  # the next caller is told; it is tried again
                self._unsettled = True

    def lock_chain(self, connection: Connection) -> None:
        """Until this transaction ends, nobody else appends to the audit log."""
        if not self.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": CHAIN_LOCK})

    def scrub(self) -> None:
        """After an erasure: SQLite's log of pages, which has them as they were, is emptied as far as readers allow."""
        if self.is_sqlite:
            self._checkpoint("TRUNCATE")

    def _checkpoint(self, mode: str) -> None:
        with self._engine.connect() as connection:
            connection.connection.driver_connection.execute(f"PRAGMA wal_checkpoint({mode})")  # type: ignore[union-attr]  # an open connection has one

    def close(self) -> None:
        """Give every connection back."""
        for engine in (self._engine, self._scoring, self._notes):
            engine.dispose()


def _url(text_: str) -> URL:
    try:
        url = make_url(text_)
        backend = url.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise UsageError(
            "the database address cannot be read; write sqlite:///file.db or postgresql+psycopg://user@host/name"
        ) from error
    if backend == "postgresql":
        return url.set(drivername="postgresql+psycopg")
    if backend != "sqlite":
        raise UsageError(f"the store runs on SQLite and PostgreSQL, not on {backend}")
    if not url.database or url.database == ":memory:":
        raise UsageError("the store has to be kept: name a file, as in sqlite:///signpost.db")
    if not Path(url.database).absolute().parent.is_dir():
        raise UsageError(f"the folder of the database {url.database} does not exist; make it first")
    return url


def _engine(url: URL, *, scoring: bool, durable: bool = True) -> Engine:
    if url.get_backend_name() == "sqlite":
        engine = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=POOL,
            max_overflow=POOL,
            pool_timeout=BUSY_MILLISECONDS / 1000,
            connect_args={"check_same_thread": False},
        )
        event.listen(engine, "connect", _sqlite_scoring if scoring else _sqlite)
        if not durable:
            event.listen(engine, "connect", _sqlite_note)
        event.listen(engine, "begin", _begin)
        return engine
    engine = create_engine(
        url,
        pool_size=POOL,
        max_overflow=POOL,
        pool_timeout=BUSY_MILLISECONDS / 1000,
        pool_pre_ping=True,
        connect_args={"connect_timeout": 5},
    )
    if scoring:
        event.listen(engine, "connect", _postgres_scoring)
    return engine


def _sqlite(connection: sqlite3.Connection, _: object) -> None:
    connection.isolation_level = None  # we begin transactions ourselves
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_MILLISECONDS}",
        "secure_delete=ON",  # what is erased is overwritten, not only forgotten
        "temp_store=MEMORY",
        "cache_size=-2000",
        f"wal_autocheckpoint={LOG_PAGES}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _sqlite_note(connection: sqlite3.Connection, _: object) -> None:
    connection.execute("PRAGMA synchronous=NORMAL")


def _sqlite_scoring(connection: sqlite3.Connection, record: object) -> None:
    _sqlite(connection, record)

    def authorise(action: int, table: str | None, *_: object) -> int:
        hidden = action == sqlite3.SQLITE_READ and table == protected_characteristics.name
        return sqlite3.SQLITE_DENY if hidden else sqlite3.SQLITE_OK

    connection.set_authorizer(authorise)


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get("signpost_write", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _postgres_scoring(connection: Any, _: object) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (SCORING_ROLE,))
        if cursor.fetchone():
            cursor.execute(f"SET ROLE {SCORING_ROLE}")
    connection.commit()
