"""The last few suggestion sets in memory, for a page and its form; and whose case was written lately."""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final

import orjson

KEPT: Final = 64
GZIP: Final = b"\x1f\x8b"
GZIP_BITS: Final = 31
EITHER_BITS: Final = 47
MOST_WRITTEN: Final = 1_000


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A suggestion set as it was shown: its id, the versions it was made from, and its document.

    `packed` are the bytes of the document as the store keeps them; `plain` the same as JSON, where they are at hand.
    """

    id: str
    bundle_version: str
    spec_hash: str
    catalogue_hash: str
    packed: bytes
    plain: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def content(self) -> bytes:
        """The document as JSON."""
        return unpacked(self.packed) if self.plain is None else self.plain

    @property
    def gzipped(self) -> bytes | None:
        """The document as a caller that takes gzip reads it; None for one that an earlier version kept."""
        return self.packed if self.packed.startswith(GZIP) else None

    @property
    def document(self) -> dict[str, Any]:
        """The set as data."""
        found: dict[str, Any] = orjson.loads(self.content)
        return found


def packed(content: bytes, *, level: int) -> bytes:
    """A document as the store keeps it: gzip, so that it can be sent as it is."""
    packing = zlib.compressobj(level, zlib.DEFLATED, GZIP_BITS)
    return packing.compress(content) + packing.flush()


def unpacked(content: bytes) -> bytes:
    """What `packed` was given; also from what earlier versions kept, without gzip's header."""
    return zlib.decompress(content, EITHER_BITS)


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
            self._sets[shown.id] = replace(shown, plain=None)  # a tenth of the size
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
