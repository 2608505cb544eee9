"""What the service is told from outside: environment variables, read key by key into one frozen object.

`OPTIONS` is the single list of settings: their variable, their default and what they mean. The table in
docs/service.md is held against it by a test. A `SIGNPOST_…` variable that is not listed is an error, so a
misspelt one never silently does nothing.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import date
from pathlib import Path
from typing import Final

from catalogue.errors import UsageError

LATEST: Final = "latest"
TODAY: Final = "today"


@dataclass(frozen=True, kw_only=True)
class Option:
    """One setting: the variable it is read from, how, and what it is for."""

    field: str
    variable: str
    read: Callable[[str], object]
    meaning: str


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Everything the service needs to know that is not in its store or its bundle.

    Raises:
        UsageError: when two settings contradict each other (for example `DEV_AUTH` on a public address).
    """

    database_url: str = "sqlite:///signpost.db"
    bundle_folder: Path | None = None
    serve_unpassed: bool = False
    catalogue_folder: Path | None = None
    report_folder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    as_of: str = LATEST
    dev_auth: bool = False
    auth_jwks_url: str | None = None
    auth_issuer: str | None = None
    auth_audience: str | None = None
    auth_jwks_seconds: int = 600
    auth_jwks_trusted_seconds: int = 3600
    workers_at_once: int = 4
    queue_length: int = 64
    body_limit: int = 1_048_576
    request_seconds: int = 20
    bundle_check_seconds: int = 15
    webhook_url: str | None = None
    events_file: Path | None = None
    retention_days: int | None = None
    prepare: bool = True
    otel_endpoint: str | None = None
    environment: str = "local"
    log_level: str = "INFO"

    def __post_init__(self) -> None:
        if self.dev_auth and not is_loopback(self.host):
            raise UsageError(
                "DEV_AUTH=1 signs its own tokens and works on a loopback address only; "
                "set SIGNPOST_HOST=127.0.0.1, or turn DEV_AUTH off and set SIGNPOST_AUTH_JWKS_URL."
            )
        if not self.dev_auth and not (self.auth_jwks_url and self.auth_issuer):
            raise UsageError(
                "no way to check who calls: set SIGNPOST_AUTH_JWKS_URL and SIGNPOST_AUTH_ISSUER, "
                "or DEV_AUTH=1 for a demonstration on this machine."
            )
        if self.auth_jwks_trusted_seconds < self.auth_jwks_seconds:
            raise UsageError(
                "SIGNPOST_AUTH_JWKS_TRUSTED_SECONDS is less than SIGNPOST_AUTH_JWKS_SECONDS; "
                "keys cannot be kept for longer than they are trusted."
            )
        if self.as_of not in {LATEST, TODAY}:
            try:
                date.fromisoformat(self.as_of)
            except ValueError as error:
                raise UsageError(
                    "SIGNPOST_AS_OF is not `latest`, `today` or a date such as 2026-03-31."
                ) from error

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **given: object) -> Settings:
        """Settings from environment variables; `given` ones (of a command line) win over them.

        Args:
            environment: variables; the process's own when None.
            given: fields of this class; None means not given.

        Raises:
            UsageError: an unknown SIGNPOST_ variable, or a value that cannot be read. The sentence names
                the variable, never its value.
        """
        found = os.environ if environment is None else environment
        known = {option.variable for option in OPTIONS}
        unknown = sorted(
            name for name in found if name.startswith("SIGNPOST_") and name not in known | FOREIGN
        )
        if unknown:
            raise UsageError(
                f"{unknown[0]} is not a setting of the service; docs/service.md lists those there are."
            )
        values: dict[str, object] = {}
        for option in OPTIONS:
            text = found.get(option.variable, "").strip()
            if text:
                values[option.field] = _read(option, text)
        allowed = {field.name for field in fields(cls)}
        for name, value in given.items():
            if name not in allowed:
                raise TypeError(f"Settings has no field {name}")
            if value is not None:
                values[name] = value
        return cls(**values)  # type: ignore[arg-type]  # each value was read by its option's own reader


def is_loopback(host: str) -> bool:
    """Does this host name or address stay on this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _read(option: Option, text: str) -> object:
    try:
        return option.read(text)
    except ValueError as error:
        raise UsageError(f"{option.variable} cannot be read: it is {option.meaning}") from error


def _switch(text: str) -> bool:
    if text.lower() not in {"0", "1", "true", "false"}:
        raise ValueError
    return text.lower() in {"1", "true"}


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def _port(text: str) -> int:
    number = int(text)
    if not 0 <= number <= 65535:
        raise ValueError
    return number


# Variables with the prefix that other parts of the project read.
FOREIGN: Final = frozenset({"SIGNPOST_TRACEBACK"})

OPTIONS: Final[tuple[Option, ...]] = (
    Option(
        field="database_url",
        variable="SIGNPOST_DATABASE_URL",
        read=str,
        meaning="the SQLAlchemy URL of the store: sqlite:///file.db or postgresql+psycopg://…",
    ),
    Option(
        field="bundle_folder",
        variable="SIGNPOST_BUNDLE",
        read=Path,
        meaning="the folder of the release bundle; without one the service answers by rules alone",
    ),
    Option(
        field="serve_unpassed",
        variable="SIGNPOST_SERVE_UNPASSED",
        read=_switch,
        meaning="1 to let a release score whose gate is not PASS, for evaluation on synthetic people only; "
        "otherwise 0, and such a release leaves the service to answer by rules alone",
    ),
    Option(
        field="catalogue_folder",
        variable="SIGNPOST_CATALOGUE",
        read=Path,
        meaning="a folder of catalogue entries; the project's own when not set",
    ),
    Option(
        field="report_folder",
        variable="SIGNPOST_REPORT",
        read=Path,
        meaning="the folder of the equality report; when not set, `equality-report` inside the bundle, else beside it",
    ),
    Option(field="host", variable="SIGNPOST_HOST", read=str, meaning="the address to listen on"),
    Option(field="port", variable="SIGNPOST_PORT", read=_port, meaning="the port to listen on, 0 to 65535"),
    Option(
        field="as_of",
        variable="SIGNPOST_AS_OF",
        read=str,
        meaning="the day of a question that names none: `latest` (today, or the day of the "
        "newest record when that is more than a week ago), `today`, or a fixed date such as 2026-03-31",
    ),
    Option(
        field="dev_auth",
        variable="DEV_AUTH",
        read=_switch,
        meaning="1 to sign tokens for the demonstration login, on a loopback address only; otherwise 0",
    ),
    Option(
        field="auth_jwks_url",
        variable="SIGNPOST_AUTH_JWKS_URL",
        read=str,
        meaning="where HMPPS Auth publishes the keys that sign its tokens",
    ),
    Option(
        field="auth_issuer", variable="SIGNPOST_AUTH_ISSUER", read=str, meaning="the `iss` a token must carry"
    ),
    Option(
        field="auth_audience",
        variable="SIGNPOST_AUTH_AUDIENCE",
        read=str,
        meaning="the `aud` a token must carry; not checked when not set",
    ),
    Option(
        field="auth_jwks_seconds",
        variable="SIGNPOST_AUTH_JWKS_SECONDS",
        read=_positive,
        meaning="for how many seconds published keys are kept before they are read again",
    ),
    Option(
        field="auth_jwks_trusted_seconds",
        variable="SIGNPOST_AUTH_JWKS_TRUSTED_SECONDS",
        read=_positive,
        meaning="for how many seconds the last published keys are trusted while new ones cannot be read; "
        "then callers are answered 503",
    ),
    Option(
        field="workers_at_once",
        variable="SIGNPOST_WORKERS_AT_ONCE",
        read=_positive,
        meaning="how many requests are worked on at the same time",
    ),
    Option(
        field="queue_length",
        variable="SIGNPOST_QUEUE_LENGTH",
        read=_positive,
        meaning="how many requests may wait for their turn; the next one is answered 429",
    ),
    Option(
        field="body_limit",
        variable="SIGNPOST_BODY_LIMIT",
        read=_positive,
        meaning="the largest request body in bytes; a larger one is answered 413",
    ),
    Option(
        field="request_seconds",
        variable="SIGNPOST_REQUEST_SECONDS",
        read=_positive,
        meaning="for how many seconds a caller may take to send its request before it is cut off",
    ),
    Option(
        field="bundle_check_seconds",
        variable="SIGNPOST_BUNDLE_CHECK_SECONDS",
        read=_positive,
        meaning="how often, in seconds, the bundle folder is looked at for a new release",
    ),
    Option(
        field="webhook_url",
        variable="SIGNPOST_WEBHOOK_URL",
        read=str,
        meaning="where the service's own events are posted",
    ),
    Option(
        field="events_file",
        variable="SIGNPOST_EVENTS_FILE",
        read=Path,
        meaning="a file that the service's own events are appended to, one JSON document a line",
    ),
    Option(
        field="retention_days",
        variable="SIGNPOST_RETENTION_DAYS",
        read=_positive,
        meaning="for how many days a person's records are kept after their last sentence ended; looked at on "
        "starting and daily; nothing is removed when not set",
    ),
    Option(
        field="prepare",
        variable="SIGNPOST_PREPARE",
        read=_switch,
        meaning="1 to work out the day's answers for people under supervision while nobody waits, and keep them until "
        "they are asked for; 0 to work out each when it is first asked for",
    ),
    Option(
        field="otel_endpoint",
        variable="SIGNPOST_OTEL_ENDPOINT",
        read=str,
        meaning="where OpenTelemetry traces are sent, by OTLP over HTTP (needs the `otel` extra); none are made "
        "when not set",
    ),
    Option(
        field="environment",
        variable="SIGNPOST_ENVIRONMENT",
        read=str,
        meaning="the name of the environment that /info shows, such as dev, preprod or prod",
    ),
    Option(
        field="log_level",
        variable="SIGNPOST_LOG_LEVEL",
        read=str.upper,
        meaning="DEBUG, INFO, WARNING or ERROR",
    ),
)
