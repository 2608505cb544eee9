"""The envelope of HMPPS domain events."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from serving.errors import invalid
from serving.schemas.base import CRN_PATTERN, Answer, Question


class Identifier(Question):
    """One of a person's numbers."""

    type: Annotated[str, Field(max_length=40)]
    value: Annotated[str, Field(max_length=40)]


class PersonReference(Question):
    """Whom an event is about."""

    identifiers: Annotated[list[Identifier], Field(max_length=20, default_factory=list)]


class EventQuestion(Question):
    """A domain event as HMPPS services send it; fields of the envelope that are not used are let pass."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        frozen=True,
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "eventType": "probation-case.merge.completed",
                    "version": 1,
                    "occurredAt": "2026-03-31T10:00:00+01:00",
                    "additionalInformation": {"sourceCRN": "X123456", "targetCRN": "X654321"},
                    "personReference": {"identifiers": [{"type": "CRN", "value": "X654321"}]},
                }
            ]
        },
    )

    event_type: Annotated[str, Field(min_length=1, max_length=120, pattern=r"^[A-Za-z0-9.-]+$")]
    version: int | None = None
    occurred_at: datetime | None = None
    additional_information: Annotated[dict[str, Any], Field(default_factory=dict)]
    person_reference: Annotated[PersonReference, Field(default_factory=PersonReference)]

    def crn(self) -> str:
        """The CRN of the person that the event is about.

        Raises:
            ServiceError: 422 when it names none.
        """
        for identifier in self.person_reference.identifiers:
            if identifier.type == "CRN" and re.fullmatch(CRN_PATTERN, identifier.value):
                return identifier.value
        raise invalid(
            [
                {
                    "field": "personReference.identifiers",
                    "type": "missing",
                    "message": "An identifier of type CRN is needed",
                }
            ]
        )


class EventAnswer(Answer):
    """What an event did."""

    result: Literal["APPLIED", "UNCHANGED", "REPEATED", "IGNORED", "DROPPED"]
