"""How far has a long task got? A bar on a terminal, plain lines elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from scoring.progress import Report

PLAIN_STEP = 25  # percent between two plain lines: enough to see movement, few enough to read a log


@contextmanager
def progress(title: str) -> Iterator[Report]:
    """Show the progress of one piece of work on stderr while the block runs.

    Args:
        title: what is being done, in a few words, e.g. "Generating case histories".

    Yields:
        A function of (done, total), to be called as often as the work likes.
    """
    console = Console(stderr=True)
    if console.is_terminal:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
        with Progress(*columns, console=console) as bar:
            task = bar.add_task(title, total=None)

            def on_terminal(done: int, total: int) -> None:
                bar.update(task, completed=done, total=total)

            yield on_terminal
            bar.update(task, completed=1, total=1)
        return

    shown = -1

    def as_lines(done: int, total: int) -> None:
        nonlocal shown
        percent = 100 * done // max(total, 1)
        if percent // PLAIN_STEP > shown // PLAIN_STEP or shown < 0:
            shown = percent
            console.print(f"{title}: {percent}%", highlight=False)

    yield as_lines  # no line before the work has begun: input that cannot be used gets its one sentence alone
    if shown < 100:
        as_lines(1, 1)
