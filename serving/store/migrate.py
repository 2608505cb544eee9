"""Brings a database to the tables of this version, with Alembic."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from sqlalchemy import inspect, text

from serving.store.database import Database

HERE: Final = Path(__file__).parent / "migrations"
HEAD: Final = "0004"
MIGRATION_LOCK: Final = 7_303_014_001
_one_at_a_time = threading.Lock()  # Alembic keeps the migration at hand in module globals


def revision(database: Database) -> str | None:
    """Which migration is the database at? None for an empty one."""
    with database.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        return None if found is None else str(found)


def migrate(database: Database) -> None:
    """Bring the database to this version. Safe to call from several processes at once.

    One that a later version has brought further is left as it is, so that the former image can be put back.
    """
    found = revision(database)
    if found is not None and found >= HEAD:
        return
    config = Config()
    config.set_main_option("script_location", str(HERE))
    with _one_at_a_time, database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
