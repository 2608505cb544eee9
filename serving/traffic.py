"""Is anybody waiting for an answer, and since when has nobody been?"""

from __future__ import annotations

import time
from collections.abc import Callable


class Traffic:
    """Counts the requests that are being answered, on the one thread that takes them.

    Args:
        clock: seconds that only go forwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._inside = 0
        self._left_at = clock()

    def enter(self) -> None:
        """A request begins."""
        self._inside += 1

    def leave(self) -> None:
        """A request has been answered."""
        self._inside -= 1
        self._left_at = self._clock()

    def quiet_for(self) -> float:
        """For how many seconds nobody has waited for an answer; 0 while somebody does."""
        return 0.0 if self._inside else self._clock() - self._left_at
