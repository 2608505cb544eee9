"""The last few suggestion sets in memory, for a page and its form; and whose case was written lately."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any, Final

import orjson

KEPT: Final = 64
MOST_WRITTEN: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A suggestion set as it was shown: its id, the versions it was made from, the bytes of its document.

    `packed` are the same bytes as the store has them, where the set came from there.
    """

    id: str
    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    content: bytes
    packed: bytes | None = None

    @property
    def document(self) -> dict[str, Any]:
        """The set as data."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


class Recent:
    """The last few sets, by id, so that nothing is computed twice in a row."""

    def __init__(self) -> None:
        self._sets: OrderedDict[str, Shown] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: str) -> Shown | None:
        """The set of this id, when it is among the last few."""
        with self._lock:
            found = self._sets.get(key)
            if found is not None:
                self._sets.move_to_end(key)
            return found

    def put(self, shown: Shown) -> None:
        """Remember a set, and forget the oldest."""
        with self._lock:
            self._sets[shown.id] = shown
            self._sets.move_to_end(shown.id)
            while len(self._sets) > KEPT:
                self._sets.popitem(last=False)

    def clear(self) -> None:
        """Forget every set."""
        with self._lock:
            self._sets.clear()


class Written:
    """People whose case was written and whose answer has not been worked out since, each once, oldest first."""

    def __init__(self) -> None:
        self._crns: OrderedDict[str, None] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, crn: str) -> None:
        """Somebody's case has been written; of too many the oldest are left to the next round over everybody."""
        with self._lock:
            self._crns[crn] = None
            while len(self._crns) > MOST_WRITTEN:
                self._crns.popitem(last=False)

    def take(self) -> str | None:
        """Who was written first; None when nobody is left."""
        with self._lock:
            return self._crns.popitem(last=False)[0] if self._crns else None

    def __len__(self) -> int:
        """How many there are."""
        return len(self._crns)
