"""Which release bundle is in use? One that was verified and passed its gate; a bad one never replaces it.

The folder is looked at every few seconds. When its manifest has changed, the new bundle is opened and
verified separately. If that works and its gate is PASS, it is used from the next request on. If not, the last
good one stays and the health of the service says why. Without a good one the service answers by rules alone.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from catalogue.errors import UsageError
from scoring.bundle import Bundle
from serving.logs import get_logger

log = get_logger("signpost.bundles")

MANIFEST: Final = "bundle.json"
CARD: Final = "model-card.md"
RECORD: Final = "transparency-record.md"


@dataclass(frozen=True, kw_only=True)
class BundleState:
    """Which bundle serves, and what is wrong with the one in the folder (None: nothing).

    `withheld` is the gate state of a whole bundle that may not score because its gate is not PASS. `texts` are
    the card and the record of the bundle that serves, which outlive its files.
    """

    bundle: Bundle | None
    problem: str | None
    withheld: str | None = None
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def version(self) -> str | None:
        """The version of the bundle that serves."""
        return None if self.bundle is None else self.bundle.version

    @property
    def gate(self) -> str | None:
        """The gate state of the bundle that serves."""
        return None if self.bundle is None else str(self.bundle.gate.get("state"))


class BundleHolder:
    """Holds the bundle that serves.

    Args:
        folder: where releases are put; None when the service is to answer by rules alone.
        seconds: how often it is looked at.
        unpassed: may a bundle score whose gate is not PASS? For evaluation on synthetic people only.
        try_out: called with a bundle before it takes over, so that no request is the first that it answers.
        clock: seconds that only go forwards.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        seconds: float,
        unpassed: bool = False,
        try_out: Callable[[Bundle], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._folder = folder
        self._seconds = seconds
        self._unpassed = unpassed
        self._try_out = try_out
        self._clock = clock
        self._lock = threading.Lock()
        self._looked_at = float("-inf")
        self._seen: str | None = None
        self._state = BundleState(bundle=None, problem=None)

    @property
    def state(self) -> BundleState:
        """The state now; looks at the folder first when it is time, unless another request is doing so."""
        if self._clock() - self._looked_at >= self._seconds and self._lock.acquire(blocking=False):
            try:
                self._look()
            finally:
                self._lock.release()
        return self._state

    @property
    def current(self) -> Bundle | None:
        """The bundle that serves."""
        return self.state.bundle

    def refresh(self) -> BundleState:
        """Look at the folder now."""
        with self._lock:
            self._look()
        return self._state

    def _look(self) -> None:
        self._looked_at = self._clock()
        if self._folder is None:
            return
        fingerprint = _fingerprint(self._folder)
        if fingerprint == self._seen and (self._state.problem is None or self._state.withheld is not None):
            return
        try:
            bundle = Bundle.open(self._folder)
            texts = {name: bundle.read_text(name) for name in (CARD, RECORD)}
            if self._try_out is not None and (bundle.passed or self._unpassed):
                self._try_out(bundle)
        except UsageError as error:
            if self._state.problem is None:
                log.warning("bundle_refused", serving=self._state.version)
            self._state = replace(self._state, problem=str(error), withheld=None)
            return
        self._seen = fingerprint
        gate = str(bundle.gate.get("state"))
        if not (bundle.passed or self._unpassed):
            log.warning("bundle_withheld", version=bundle.version, gate=gate, serving=self._state.version)
            self._state = replace(
                self._state,
                problem=f"The gate of release {bundle.version} is {gate}; only a release whose gate is PASS scores.",
                withheld=gate,
            )
            return
        if not bundle.passed:
            log.warning("unpassed_bundle_scores", version=bundle.version, gate=gate)
        log.info("bundle_in_use", version=bundle.version, before=self._state.version)
        self._state = BundleState(bundle=bundle, problem=None, texts=texts)


def _fingerprint(folder: Path) -> str:
    """Changes when any file of the folder does: names, sizes and times, and the manifest's content."""
    content = hashlib.sha256()
    try:
        content.update((folder / MANIFEST).read_bytes())
        for path in sorted(folder.iterdir()):
            if path.is_file():
                stat = path.stat()
                content.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    except OSError:
        return "unreadable"
    return content.hexdigest()
