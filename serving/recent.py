"""The last few suggestion sets in memory, so that a page and its form do not compute the same thing twice."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final

KEPT: Final = 256


class Recent:
    """The last few sets, by id, so that a page and its form do not compute the same thing twice."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> bytes | None:
        """The set of this id, when it is among the last few."""
        with self._lock:
            found = self._sets.get(key)
            if found is not None:
                self._sets.move_to_end(key)
            return found

    def put(self, key: str, content: bytes) -> None:
        """Remember a set, and forget the oldest."""
        with self._lock:
            self._sets[key] = content
            self._sets.move_to_end(key)
            while len(self._sets) > KEPT:
                self._sets.popitem(last=False)
