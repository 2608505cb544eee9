"""Requests to look again, and their answers."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import StringConstraints

from serving.schemas.base import Answer, Question

Words = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=4000,
        pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$",
    ),
]
OutcomeCode = Literal["UPHELD", "NOT_UPHELD", "WITHDRAWN"]


class ContestQuestion(Question):
    """What should be looked at again, in the person's own words where possible."""

    grounds: Words


class ContestOutcomeQuestion(Question):
    """How the request ended, and why, in words that the person can be given."""

    outcome: OutcomeCode
    explanation: Words


class ContestAnswer(Answer):
    """A request as it is kept; the last four fields are null until it is answered."""

    id: str
    reference: str
    suggestion_set_id: str
    crn: str
    raised_at: datetime
    raised_by: str
    grounds: str
    outcome: OutcomeCode | None
    explanation: str | None
    concluded_at: datetime | None
    concluded_by: str | None
