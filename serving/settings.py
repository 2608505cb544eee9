"""Which settings does the service have? Environment variables, read by pydantic-settings into one frozen object.

Each field is a setting: its default, its bounds and, in its description, what it means. The table in docs/service.md
is compared with them by a test. A `SIGNPOST_…` variable that is not a setting is an error, so a spelling mistake
is never ignored.
"""

from __future__ import annotations

import ipaddress
import os
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, PositiveInt, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from catalogue.errors import UsageError

PREFIX: Final = "SIGNPOST_"
LATEST: Final = "latest"
TODAY: Final = "today"
OTHERS: Final = frozenset({"SIGNPOST_TRACEBACK"})
"""Variables with the prefix that other parts of the project read."""

LogLevel = Annotated[
    Literal["DEBUG", "INFO", "WARNING", "ERROR"],
    BeforeValidator(lambda level: level.upper() if isinstance(level, str) else level),
]


class Settings(BaseSettings):
    """Everything the service needs to know that is not in its store or its bundle.

    Raises:
        UsageError: when two settings contradict each other (for example `DEV_AUTH` on a public address).
    """

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        populate_by_name=True,
        frozen=True,
        extra="forbid",
        str_strip_whitespace=True,
        hide_input_in_errors=True,
    )

    database_url: str = Field(
        default="sqlite:///signpost.db",
        repr=False,
        description="the SQLAlchemy URL of the store: sqlite:///file.db or postgresql+psycopg://…",
    )
    bundle_folder: Path | None = Field(
        default=None,
        validation_alias="SIGNPOST_BUNDLE",
        description="the folder of the release bundle; without one the service answers by rules alone",
    )
    serve_unpassed: bool = Field(
        default=False,
        description="1 to let a release score whose gate is not PASS, for evaluation on synthetic people only; "
        "otherwise 0, and such a release leaves the service to answer by rules alone",
    )
    catalogue_folder: Path | None = Field(
        default=None,
        validation_alias="SIGNPOST_CATALOGUE",
        description="a folder of catalogue entries; the project's own when not set",
    )
    report_folder: Path | None = Field(
        default=None,
        validation_alias="SIGNPOST_REPORT",
        description="the folder of the equality report; when not set, `equality-report` inside the bundle, "
        "else next to it",
    )
    host: str = Field(default="127.0.0.1", description="the address to listen on")
    port: int = Field(default=8080, ge=0, le=65535, description="the port to listen on, 0 to 65535")
    as_of: str = Field(
        default=LATEST,
        description="the day of a question that names none: `latest` (today, or the day of the newest record when "
        "that is more than a week ago), `today`, or a fixed date such as 2026-03-31",
    )
    dev_auth: bool = Field(
        default=False,
        validation_alias="DEV_AUTH",
        description="1 to sign tokens for the demonstration login, on a loopback address only; otherwise 0",
    )
    auth_jwks_url: str | None = Field(
        default=None, description="where HMPPS Auth publishes the keys that sign its tokens"
    )
    auth_issuer: str | None = Field(default=None, description="the `iss` a token must carry")
    auth_audience: str | None = Field(
        default=None, description="the `aud` a token must carry; not checked when not set"
    )
    auth_jwks_seconds: PositiveInt = Field(
        default=600, description="for how many seconds published keys are kept before they are read again"
    )
    auth_jwks_trusted_seconds: PositiveInt = Field(
        default=3600,
        description="for how many seconds the last published keys are trusted while new ones cannot be read; "
        "then callers are answered 503",
    )
    workers_at_once: PositiveInt = Field(
        default=4, description="how many requests are worked on at the same time"
    )
    queue_length: PositiveInt = Field(
        default=64, description="how many requests may wait for their turn; the next one is answered 429"
    )
    body_limit: PositiveInt = Field(
        default=1_048_576, description="the largest request body in bytes; a larger one is answered 413"
    )
    request_seconds: PositiveInt = Field(
        default=20,
        description="for how many seconds a caller may take to send its request before it is cut off",
    )
    bundle_check_seconds: PositiveInt = Field(
        default=15, description="how often, in seconds, the bundle folder is looked at for a new release"
    )
    webhook_url: str | None = Field(
        default=None, repr=False, description="where the service's own events are posted"
    )
    events_file: Path | None = Field(
        default=None,
        description="a file that the service's own events are appended to, one JSON document a line",
    )
    retention_days: PositiveInt | None = Field(
        default=None,
        description="for how many days a person's records are kept after their last sentence ended; looked at on "
        "starting and daily; nothing is removed when not set",
    )
    otel_endpoint: str | None = Field(
        default=None,
        description="where OpenTelemetry traces are sent, by OTLP over HTTP (needs the `otel` extra); none are made "
        "when not set",
    )
    environment: str = Field(
        default="local",
        description="the name of the environment that /info shows, such as dev, preprod or prod",
    )
    log_level: LogLevel = Field(default="INFO", description="DEBUG, INFO, WARNING or ERROR")

    @model_validator(mode="after")
    def _agree(self) -> Self:
        """Settings that contradict each other are refused."""
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
        return self

    @classmethod
    def from_environment(cls, **given: Any) -> Self:
        """Settings from environment variables; `given` ones (of a command line) win over them.

        Args:
            given: fields of this class; None means not given.

        Raises:
            UsageError: an unknown SIGNPOST_ variable, or a value that cannot be read. The sentence names
                the variable, never its value.
        """
        known = {variable(name) for name in cls.model_fields} | OTHERS
        unknown = sorted(
            name for name in os.environ if name.upper().startswith(PREFIX) and name.upper() not in known
        )
        if unknown:
            raise UsageError(
                f"{unknown[0]} is not a setting of the service; docs/service.md lists those there are."
            )
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})
        except ValidationError as error:
            place = str(error.errors(include_input=False)[0]["loc"][0])
            name = next(name for name in cls.model_fields if place in {name, variable(name)})
            meaning = cls.model_fields[name].description
            raise UsageError(f"{variable(name)} cannot be read: it is {meaning}") from None


def variable(name: str) -> str:
    """The environment variable that a field of `Settings` is read from."""
    return str(Settings.model_fields[name].validation_alias or f"{PREFIX}{name}".upper())


def is_loopback(host: str) -> bool:
    """Does this host name or address stay on this machine?"""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
