"""Where parts of an audit are made: here and now, or beside it by other processes.

What is handed over are plain functions and frames, so that another process can be given them.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """Makes each part at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call the function and keep what it gives, or raises, for whoever asks for the result."""
        made: Future[T] = Future()
        try:
            made.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  as with every executor, the asker is told
            made.set_exception(error)
        return made
