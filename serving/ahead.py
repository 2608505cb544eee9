"""Works out the answers that are likely to be asked for next, while nobody waits for one.

For everybody under supervision the answer as of the service's own day is made and kept in the store
(`prepared_sets`), first for those whose case was written lately. Nothing here is seen by anybody until they ask:
the view is written down then, as for any other answer. A request that comes in goes first; at most the one person
at hand is finished. An answer that no longer holds, because a record, the day, the release, the catalogue, the
directory or the service itself has changed, is not found under its id any more and is replaced in time.
"""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Final

import numpy as np

import catalogue
import features
import scoring
import serving
from serving.logs import get_logger
from serving.services import Services
from serving.store import cases as case_store
from serving.store import prepared
from serving.suggestions import Question, make

log = get_logger("signpost.ahead")

ROOMS: Final = (catalogue, features, scoring, serving)
SOURCES: Final = frozenset({".py", ".csv", ".yaml"})
LEVEL: Final = 6
"""How hard answers are compressed: a third smaller than at the level of an answer that somebody waits for."""
AT_ONCE: Final = 50
QUIET_SECONDS: Final = 0.25
"""For so long nobody has asked for anything before somebody is worked out who was not written lately."""
LOOK_SECONDS: Final = 0.1
ROUND_SECONDS: Final = 60.0


def maker(rooms: tuple[ModuleType, ...] = ROOMS) -> str:
    """The version of what makes an answer: a hash of its sources and of what computes, so that no answer outlives either."""
    content = hashlib.sha256(f"{sys.version} {np.__version__}\n".encode())
    for room in rooms:
        assert room.__file__ is not None
        folder = Path(room.__file__).parent
        for path in sorted(folder.rglob("*")):
            if path.suffix in SOURCES and path.is_file():
                content.update(f"{room.__name__}/{path.relative_to(folder)}\n".encode())
                content.update(path.read_bytes())
    return content.hexdigest()


class Ahead:
    """A thread that works out answers ahead, one person at a time.

    Args:
        services: the parts of the service.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)

    def start(self) -> None:
        """Begin, once what makes answers is known by its content."""
        self._services.maker = maker()
        self._thread.start()

    def stop(self) -> None:
        """Finish the person at hand, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                self.round()
                self._rest()
            except Exception as error:  # noqa: BLE001  most often the store is away; its words may hold personal values
                log.warning("ahead_waits", kind=type(error).__name__)
                self._stop.wait(ROUND_SECONDS)

    def _rest(self) -> None:
        """Until the next round; those who are written meanwhile do not wait for it."""
        for _ in range(round(ROUND_SECONDS / LOOK_SECONDS)):
            if self._stop.wait(LOOK_SECONDS):
                return
            self.lately()

    def round(self) -> int:
        """Work out everybody whose answer does not hold, in order, those first who were written lately; how many."""
        services = self._services
        done, after = self._until_quiet(), ""
        question, stamp = self.question()
        while not self._stop.is_set():
            with services.database.scoring() as connection:
                services.metrics.ahead.set(prepared.count(connection, stamp=stamp))
                crns = prepared.waiting(
                    connection, stamp=stamp, running_on=question.as_of, after=after, at_most=AT_ONCE
                )
            if not crns:
                break
            for after in crns:
                done += self._until_quiet()
                if self._stop.is_set():
                    break
                done += self.one(after, question, stamp)
            if self.question()[1] != stamp:
                break  # another day, release or directory: from the beginning, next time
        return done

    def _until_quiet(self) -> int:
        """Wait until nobody has asked for a while, or it is time to end; how many were done who were written lately."""
        done = self.lately()
        while self._services.traffic.quiet_for() < QUIET_SECONDS and not self._stop.wait(LOOK_SECONDS):
            done += self.lately()
        return done

    def lately(self) -> int:
        """Work out those who were written lately, as long as nobody waits; how many."""
        done = 0
        while self._services.traffic.quiet_for() and not self._stop.is_set():
            crn = self._services.written.take()
            if crn is None:
                break
            done += self.one(crn, *self.question())
        return done

    def question(self) -> tuple[Question, str]:
        """The question that is asked all day, as of the service's own day and by the versions of now; its stamp."""
        services = self._services
        with services.database.scoring() as connection:
            question = Question(
                as_of=services.as_of(None, connection),
                setting=None,
                bundle=services.bundles.current,
                directory=services.directory(connection),
            )
        stamp = question.stamp(services)
        assert stamp is not None
        return question, stamp

    def one(self, crn: str, question: Question, stamp: str) -> bool:
        """Work out one person's answer and keep it; False when there is none, or none that could be kept."""
        services = self._services
        with services.database.scoring() as connection:
            case = case_store.find(connection, crn)
        if case is None:
            return False
        try:
            shown, told = make(services, case=case, question=question, level=LEVEL)
        except Exception as error:  # noqa: BLE001  whoever asks is told; others are not kept from their answer
            log.warning("not_worked_out_ahead", kind=type(error).__name__)
            return False
        values = {
            "id": shown.id,
            "made_for": stamp,
            "as_of": question.as_of,
            "bundle_version": shown.bundle_version,
            "spec_hash": shown.spec_hash,
            "catalogue_hash": shown.catalogue_hash,
            "told": told.packed(),
            "content": shown.packed,
        }
        with services.database.note() as connection:
            return prepared.keep(connection, crn=crn, document_hash=case.document_hash, values=values)
