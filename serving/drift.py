"""Do the people who are asked about still look like those that the models were calibrated on?

The bundle's heads carry a profile: for each input the shares of rows in fixed bins, the last one for "not
recorded". The inputs of some answers are kept here for a short time. Between requests they are counted into the bins, and
the population stability index says how far the last rows are from the profile: under 0.1 little has moved, over
0.25 much has (Siddiqi 2006, Credit Risk Scorecards, chapter 9). Only counts are kept, and they identify nobody.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from scoring.bundle import Bundle
from scoring.stability import bins_of, stability_index

ONE_OF: Final = 5
"""One answer in this many is looked at."""
WAITING: Final = 200
WINDOW: Final = 1_000
LEAST_ROWS: Final = 100
"""With fewer rows the index is mostly noise, and is not told."""

Place = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class InputDrift:
    """How far one input of a head is from its profile, and for how many it was not recorded."""

    head: str
    feature: str
    index: float
    missing: float


class Drift:
    """Counts of inputs by bin, over the last rows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: deque[Mapping[str, object]] = deque(maxlen=WAITING)
        self._seen = 0
        self._version = ""
        self._profiles: dict[Place, Mapping[str, Any]] = {}
        self._rows: deque[dict[Place, int]] = deque()
        self._counts: dict[Place, Counter[int]] = {}

    def offer(self, inputs: Mapping[str, object]) -> None:
        """Leave the features that an answer was made from; one of five is looked at later."""
        with self._lock:
            self._seen += 1
            if self._seen % ONE_OF == 0:
                self._waiting.append(inputs)

    def settle(self, bundle: Bundle | None, *, at_most: int = WAITING) -> int:
        """Place the inputs of cases that wait into the bins of this bundle's profiles; how many."""
        if bundle is None:
            return 0
        self._follow(bundle)
        with self._lock:
            cases = [self._waiting.popleft() for _ in range(min(at_most, len(self._waiting)))]
        rows: list[dict[Place, int]] = [{} for _ in cases]
        for place, profile in self._profiles.items():
            read = [number for number, values in enumerate(cases) if place[1] in values]
            found = bins_of([cases[number][place[1]] for number in read], profile)
            for number, held in zip(read, found.tolist(), strict=True):
                rows[number][place] = held
        for row in rows:
            self._count(row)
        return len(rows)

    def _follow(self, bundle: Bundle) -> None:
        """Start again with a new bundle, because it has other profiles."""
        with self._lock:
            if bundle.version == self._version:
                return
            self._version = bundle.version
            heads = {"commence": bundle.commence.profile, "complete": bundle.complete.profile}
            self._profiles = {
                (head, name): held for head, profile in heads.items() for name, held in profile.items()
            }
            self._rows.clear()
            self._counts.clear()

    def _count(self, row: dict[Place, int]) -> None:
        with self._lock:
            self._rows.append(row)
            for place, found in row.items():
                self._counts.setdefault(place, Counter())[found] += 1
            if len(self._rows) > WINDOW:
                for place, found in self._rows.popleft().items():
                    self._counts[place][found] -= 1

    @property
    def rows(self) -> int:
        """Of how many answers the readings are made."""
        return len(self._rows)

    def readings(self) -> list[InputDrift]:
        """How far each input is from its profile; nothing before there are enough rows."""
        with self._lock:
            if len(self._rows) < LEAST_ROWS:
                return []
            return [
                self._reading(place, counts, self._profiles[place]["shares"])
                for place, counts in self._counts.items()
            ]

    def _reading(self, place: Place, counts: Mapping[int, int], shares: Sequence[float]) -> InputDrift:
        rows = len(self._rows)
        now = [counts.get(number, 0) / rows for number in range(len(shares))]
        return InputDrift(
            head=place[0], feature=place[1], index=stability_index(shares, now), missing=now[-1]
        )
