"""Which processes make the parts of an audit? This one, or more at the same time.

Each part is a plain function with frames as arguments, so that another process can run it.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Inline(Executor):
    """Makes each part at once, in this process."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Call the function now, and keep what it returns or raises as the result."""
        made: Future[T] = Future()
        try:
            made.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  as with every executor, `result` raises it
            made.set_exception(error)
        return made
