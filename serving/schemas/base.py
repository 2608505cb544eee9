"""What every model of the API shares: camelCase names, no unknown fields, no NaN, no lone surrogates."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path
from pydantic import BaseModel, ConfigDict, StringConstraints
from pydantic.alias_generators import to_camel

CRN_PATTERN = r"^[A-Z][0-9]{6}$"

Crn = Annotated[str, Path(pattern=CRN_PATTERN, description="Case reference number", examples=["X123456"])]
# What a person wrote: no control characters but line breaks and tabs.
OwnWords = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True, max_length=4000, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
    ),
]
Code = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Z0-9_]+$")]
InterventionId = Annotated[str, StringConstraints(min_length=1, max_length=120, pattern=r"^[a-z0-9-]+$")]


class Answer(BaseModel):
    """Something the service answers."""

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, frozen=True, extra="forbid", allow_inf_nan=False
    )


class Question(BaseModel):
    """Something a caller sends. Unknown fields are refused, so that a misspelt one is not lost in silence."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=False,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        strict=False,
    )


class FieldError(Answer):
    """One thing that is wrong with a request; never with the value that was sent."""

    field: str
    type: str
    message: str


class ErrorAnswer(Answer):
    """How the service says no."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        json_schema_extra={
            "examples": [
                {
                    "status": 404,
                    "errorCode": "NOT_FOUND",
                    "userMessage": "There is no such person.",
                    "developerMessage": "No person with the identifier in the path is in the store.",
                    "moreInfo": None,
                }
            ]
        },
    )

    status: int
    error_code: str
    user_message: str
    developer_message: str
    more_info: str | None = None
    errors: list[FieldError] | None = None
