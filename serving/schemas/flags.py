"""Flags, prompts, responses to them, and the in-flight risk of a referral."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import Field

from serving.schemas.base import Answer, OwnWords, Question

ResponseCode = Literal[
    "CONTACTED",
    "TRAVEL_ARRANGED",
    "TIMES_CHANGED",
    "FORMAT_CHANGED",
    "SUPPORT_REFERRED",
    "NO_ACTION_NEEDED",
    "OTHER",
]


class FlagAnswer(Answer):
    """Something to look at: a referral at RISK, a key fact that CHANGEd, a CHECK that is due."""

    id: str
    crn: str
    referral_id: str | None
    kind: Literal["RISK", "CHANGE", "CHECK"]
    code: str
    text: str
    raised_on: date
    practitioner: str | None
    team: str | None
    pdu: str | None
    weeks_in: int | None
    reason_codes: list[str]
    open: bool
    bundle_version: str | None


class ResponseQuestion(Question):
    """What was done about it."""

    response: ResponseCode
    own_words: OwnWords | None = None


class ResponseAnswer(Answer):
    """A response as it is kept."""

    id: str
    flag_id: str
    responded_at: datetime
    responded_by: str
    response: ResponseCode
    own_words: str | None


class Horizon(Answer):
    """The chance of ending without completion within this many weeks."""

    weeks: int
    probability: Annotated[float, Field(ge=0, le=1)]


class RiskReason(Answer):
    """A fact that moves the risk, with the newest record behind it."""

    code: str
    text: str
    direction: Literal["RAISES", "LOWERS"]
    table: str | None
    record_id: str | None
    on: date | None


class Prompt(Answer):
    """A code with its words."""

    code: str
    text: str


class RiskAnswer(Answer):
    """In-flight risk: by horizon, with exact terms (of the first interval ahead) and what could help."""

    referral_id: str
    crn: str
    as_of: date
    weeks_in: int
    horizons: list[Horizon]
    flagged: bool
    band: str
    reasons: list[RiskReason]
    terms: dict[str, float]
    intercept: float
    changed: list[Prompt]
    checks: list[Prompt]
    what_could_help: list[str]
    bundle_version: str
