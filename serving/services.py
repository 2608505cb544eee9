"""Everything a request may need, made once and handed to the routes; nothing lives in module globals."""

from __future__ import annotations

import threading
from contextlib import nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Annotated, Final

from fastapi import Depends, Request
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

import catalogue as catalogue_room
from catalogue import Catalogue
from catalogue.directory import Directory
from features.case import Case
from scoring.bundle import Bundle
from scoring.suggestions import suggest
from serving.audit_log import Actor
from serving.auth import JwksKeys, SigningKeys, Verifier
from serving.bundles import BundleHolder
from serving.dev_auth import ISSUER, DevKeys
from serving.drift import Drift
from serving.errors import ServiceError
from serving.metrics import Metrics
from serving.settings import LATEST, TODAY, Settings
from serving.store import cases as case_store
from serving.store import directory as directory_store
from serving.store.database import Database
from serving.store.directory import StoredDirectory
from serving.store.migrate import migrate, revision
from serving.tracing import Tracing

RECORDS_BEGIN: Final = date(2000, 1, 1)
"""Before this day no case system has records of the kinds in the contract."""
FRESH: Final = timedelta(days=7)
"""Records that stop longer ago than this are a copy of a past, and are asked about as of their last day."""


class Services:
    """The parts of the service, tied to one set of settings."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.catalogue: Catalogue = catalogue_room.load(settings.catalogue_folder)
        self.database = Database(settings.database_url)
        self.bundles = BundleHolder(
            settings.bundle_folder,
            seconds=settings.bundle_check_seconds,
            unpassed=settings.serve_unpassed,
            try_out=self.try_out,
        )
        self.metrics = Metrics()
        self.tracing = Tracing(settings.otel_endpoint, environment=settings.environment)
        self.dev_keys = DevKeys() if settings.dev_auth else None
        self.verifier = self._verifier()
        self._directory = StoredDirectory("", Directory.of())
        self._lock = threading.Lock()
        self._migrated = False
        self.drift = Drift()

    def _verifier(self) -> Verifier:
        if self.dev_keys is not None:
            return Verifier(keys=self.dev_keys, issuer=ISSUER, audience=None)
        assert self.settings.auth_jwks_url is not None
        assert self.settings.auth_issuer is not None
        keys: SigningKeys = JwksKeys(
            self.settings.auth_jwks_url,
            seconds=self.settings.auth_jwks_seconds,
            trusted_seconds=self.settings.auth_jwks_trusted_seconds,
        )
        return Verifier(keys=keys, issuer=self.settings.auth_issuer, audience=self.settings.auth_audience)

    def start(self) -> None:
        """Bring the store up to date, read the directory and open the bundle; a store that is away is tried again later."""
        try:
            self.ensure_migrated()
            with self.database.scoring() as connection:
                self.directory(connection)
        except (SQLAlchemyError, TimeoutError):
            self.metrics.store_up.set(0)
        self.bundles.refresh()

    def try_out(self, bundle: Bundle) -> None:
        """Does this bundle answer? Asks it about a case without records; its first answer takes some tenths of a second.

        Raises:
            UsageError: when it gives no answer.
        """
        suggest(
            Case("X000000", {}),
            as_of=bundle.training_date,
            bundle=bundle,
            catalogue=self.catalogue,
        )

    def ensure_migrated(self) -> None:
        """Bring the store to this version, once."""
        if self._migrated:
            return
        with self._lock:
            migrate(self.database)
            self._migrated = True

    def store_ready(self) -> bool:
        """Does the store answer, with the tables of this version?"""
        try:
            self.ensure_migrated()
            ready = revision(self.database) is not None
        except (SQLAlchemyError, TimeoutError):
            ready = False
        self.metrics.store_up.set(int(ready))
        return ready

    def directory(self, connection: Connection) -> StoredDirectory:
        """The directory of services as it is in the store now."""
        if directory_store.version(connection) != self._directory.version:
            self._directory = directory_store.load(connection)
        return self._directory

    def today(self) -> date:
        """The calendar day, UTC."""
        return self.now().date()

    def now(self) -> datetime:
        """This moment, UTC."""
        return datetime.now(UTC)

    def as_of(self, asked: date | None, connection: Connection | None = None) -> date:
        """The day of a question: the one asked for, else by the setting SIGNPOST_AS_OF.

        Args:
            asked: the day that was asked for.
            connection: a reading transaction to look into; one of its own when None.

        Raises:
            ServiceError: 422 for a day before records began, or after tomorrow where nothing is recorded as late.
        """
        if asked is not None:
            return self._answerable(asked, connection)
        if self.settings.as_of == TODAY:
            return self.today()
        if self.settings.as_of != LATEST:
            return date.fromisoformat(self.settings.as_of)
        known, today = self._last_known(connection), self.today()
        return today if known is None or today - known <= FRESH else min(today, known)

    def _last_known(self, connection: Connection | None) -> date | None:
        with self.database.read() if connection is None else nullcontext(connection) as reading:
            return case_store.last_known(reading)

    def _answerable(self, asked: date, connection: Connection | None) -> date:
        """A day that a question can be asked about: tomorrow sees everything that is recorded today."""
        last = self.today() + timedelta(days=1)
        if asked > last:
            known = self._last_known(connection)
            last = last if known is None else max(last, known + timedelta(days=1))
        if not RECORDS_BEGIN <= asked <= last:
            raise ServiceError(
                status=422,
                code="DAY_OUT_OF_RANGE",
                user="There are no records to answer from on that day.",
                developer=f"asOf is from {RECORDS_BEGIN.isoformat()} to tomorrow.",
            )
        return asked

    @property
    def report_folder(self) -> Path | None:
        """Where the equality report is: as set, else `equality-report` inside the bundle, else next to it."""
        if self.settings.report_folder is not None:
            return self.settings.report_folder
        bundle = self.settings.bundle_folder
        if bundle is None:
            return None
        for place in (bundle / "equality-report", bundle.parent / "equality-report"):
            if place.is_dir():
                return place
        return None

    def close(self) -> None:
        """Give everything back."""
        self.database.close()
        self.tracing.close()


async def services(request: Request) -> Services:
    """Dependency: the parts of the service."""
    found: Services = request.app.state.services
    return found


async def actor(request: Request) -> Actor:
    """Dependency: on whose behalf this request acts; comes after authentication."""
    return Actor(who=request.state.principal.name, correlation_id=request.state.correlation_id)


Parts = Annotated[Services, Depends(services)]
"""A route's way to the parts of the service."""
