"""What a practitioner decided, and why."""

from __future__ import annotations

from datetime import datetime
from typing import Self

from pydantic import ConfigDict, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from serving.reasons import Action, reasons
from serving.schemas.base import Answer, Code, InterventionId, OwnWords, Question


class DecisionQuestion(Question):
    """A decision: accept a suggestion, depart from them, or choose none; each with a reason."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        frozen=True,
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "action": "ACCEPTED",
                    "interventionId": "thinking-skills-programme-acp",
                    "reasonCode": "MEETS_MAIN_NEED",
                    "ownWords": "We talked it through and he would like to begin in May.",
                },
                {"action": "NONE_CHOSEN", "reasonCode": "NOT_READY_YET"},
            ]
        },
    )

    action: Action
    intervention_id: InterventionId | None = None
    reason_code: Code
    own_words: OwnWords | None = None
    own_view: OwnWords | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.action is Action.NONE_CHOSEN) != (self.intervention_id is None):
            raise PydanticCustomError(
                "intervention_mismatch", "ACCEPTED and DEPARTED name an intervention; NONE_CHOSEN does not"
            )
        if self.reason_code not in {line.code for line in reasons()[self.action]}:
            raise PydanticCustomError("reason_unknown", "The action does not have this reason")
        if self.reason_code == "OTHER" and not self.own_words:
            raise PydanticCustomError("own_words_missing", "The reason OTHER needs own words")
        return self


class DecisionAnswer(Answer):
    """A decision as it is kept."""

    id: str
    suggestion_set_id: str
    crn: str
    decided_at: datetime
    decided_by: str
    action: Action
    intervention_id: str | None
    reason_code: str
    reason: str
    own_words: str | None
    own_view: str | None
    direction: str
