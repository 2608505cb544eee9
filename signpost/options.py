"""Options that several commands share, declared once."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, TypeVar

import click

from catalogue.errors import UsageError

Command = TypeVar("Command", bound=Callable[..., Any])


class IsoDate(click.ParamType[date]):
    """A calendar day, written as 2026-03-31."""

    name = "date"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> date:
        """Read an ISO date; anything else is an error that shows the form wanted."""
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a date; write it as 2026-03-31", param, ctx)


DATE = IsoDate()
FOLDER = click.Path(path_type=Path, file_okay=False)
FILE = click.Path(path_type=Path, dir_okay=False)


def histories_option(command: Command) -> Command:
    """--histories DIR: a folder of case histories as the data contract has it."""
    return click.option(
        "--histories",
        type=FOLDER,
        required=True,
        help="Folder of case histories (the data contract's tables).",
    )(command)


def bundle_option(command: Command) -> Command:
    """--bundle DIR: a release bundle."""
    return click.option(
        "--bundle", "bundle_folder", type=FOLDER, required=True, help="Folder of a release bundle."
    )(command)


def as_of_option(command: Command) -> Command:
    """--as-of DATE: what was recorded before this day counts, nothing later."""
    return click.option(
        "--as-of",
        type=DATE,
        required=True,
        help="Day of the question: only what was recorded before it counts.",
    )(command)


def writable_parent(path: Path) -> Path:
    """Make the folder that a file is to be written into; one sentence if that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or "unknown reason").lower()
        raise UsageError(
            f"cannot make the folder {path.parent} to write {path.name} into ({reason}); name another with --out"
        ) from error
    return path


@contextmanager
def reachable(database: str) -> Iterator[None]:
    """Turn a database that cannot be reached into one sentence without its address, which may hold a password."""
    from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError

    try:
        yield
    except (ArgumentError, NoSuchModuleError, OperationalError) as error:
        kind = database.split(":", maxsplit=1)[0]
        raise UsageError(
            f"the {kind} database of --database cannot be used ({type(error).__name__}); check its address and that it runs"
        ) from error
