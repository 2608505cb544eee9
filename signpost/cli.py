"""The `signpost` command: its sub-commands, and what a user reads when something is wrong.

Exit status: 0 done, 1 done with findings (quarantined rows, a failed gate), 2 unusable input with
one clear sentence on stderr. A fault in Signpost gives 70 and names the place, without personal values;
SIGNPOST_TRACEBACK=1 shows the whole of it.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import version

import click

from catalogue.errors import UsageError

DONE, FINDINGS, UNUSABLE, FAULT = 0, 1, 2, 70

# Command → (module of signpost.commands, attribute). Modules are imported when their command runs, so
# that `signpost --help` and the service start without the training libraries.
COMMANDS: dict[str, tuple[str, str]] = {
    "synthesise": ("synthesise", "synthesise"),
    "check": ("check", "check"),
    "features": ("features", "features"),
    "train": ("train", "train"),
    "backtest": ("backtest", "backtest"),
    "audit": ("audit", "audit"),
    "suggest": ("suggest", "suggest"),
    "flags": ("flags", "flags"),
    "evaluate-policy": ("evaluate_policy", "evaluate_policy"),
    "explain": ("explain", "explain"),
    "catalogue": ("catalogue", "catalogue"),
    "ingest": ("ingest", "ingest"),
    "serve": ("serve", "serve"),
    "audit-log": ("audit_log", "audit_log"),
    "retention": ("retention", "retention"),
    "demo": ("demo", "demo"),
}


class LazyGroup(click.Group):
    """A group that imports a sub-command's module only when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Sub-commands in the order in which work flows."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the sub-command, or None for a name that is not one."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, attribute = COMMANDS[cmd_name]
        command = getattr(import_module(f"signpost.commands.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


@click.group(
    cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(version("signpost"), prog_name="signpost")
def signpost() -> None:
    """Decision support for probation: case histories in, explained suggestions out.

    A first walk: signpost synthesise --people 2000 --seed 1 --start 2021-01-01 --end 2025-12-31 --out runs/first
    """


def _sentence(error: click.ClickException) -> str:
    """One sentence out of click's wording, with the way to more help."""
    message = " ".join(error.format_message().split()).rstrip(".")
    context = getattr(error, "ctx", None)
    where = context.command_path if context is not None else "signpost"
    return f"{message}; `{where} --help` shows how it is called."


def _refused(error: click.ClickException | UsageError | OSError) -> int:
    """Say in one sentence what cannot be used, and return the exit status."""
    if isinstance(error, BrokenPipeError):
        # The reader of our output went away (`signpost … | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    if isinstance(error, click.ClickException):
        said = _sentence(error)
    elif isinstance(error, OSError):
        named = f" {error.filename}" if error.filename else ""
        reason = (error.strerror or type(error).__name__).lower()
        said = f"cannot use{named} ({reason}); check the path and its permissions"
    else:
        said = str(error)
    print(f"signpost: {said}", file=sys.stderr)
    return UNUSABLE


def run(arguments: Sequence[str]) -> int:
    """Run one command line and return its exit status.

    Args:
        arguments: the words after `signpost`.

    Returns:
        0 done, 1 done with findings, 2 unusable input, 70 a fault in Signpost, 130 interrupted.
    """
    try:
        result = signpost.main(
            args=list(arguments) or ["--help"], prog_name="signpost", standalone_mode=False
        )
    except (click.ClickException, UsageError, OSError) as error:
        return _refused(error)
    except (click.Abort, KeyboardInterrupt):
        print("signpost: interrupted", file=sys.stderr)
        return 130
    except Exception as error:
        if os.environ.get("SIGNPOST_TRACEBACK"):
            raise
        place = traceback.extract_tb(error.__traceback__)[-1]
        module = "/".join(place.filename.replace("\\", "/").split("/")[-2:])
        print(
            f"signpost: a fault of Signpost itself ({type(error).__name__} in {module}, line {place.lineno}); "
            "set SIGNPOST_TRACEBACK=1 to see the whole of it, which may show personal values.",
            file=sys.stderr,
        )
        return FAULT
    return result if isinstance(result, int) else DONE
