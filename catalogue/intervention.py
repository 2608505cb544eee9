"""What an intervention of the catalogue is: its particulars, its rules, its sources."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from pydantic import Field as Key
from pydantic import model_validator

from catalogue.criteria import Criterion
from catalogue.documents import Number, Section, Text, Whole
from catalogue.fields import ORDERED_HOURS

AboveZero: TypeAlias = Annotated[Whole, Key(gt=0)]


class InterventionType(StrEnum):
    """The kinds of intervention, as the operating model names them."""

    ACP = "ACP"
    SI = "SI"
    CRS = "CRS"
    TOOLKIT = "TOOLKIT"
    TREATMENT_REQUIREMENT = "TREATMENT_REQUIREMENT"
    UNPAID_WORK = "UNPAID_WORK"
    ATTENDANCE_CENTRE = "ATTENDANCE_CENTRE"


class Intensity(StrEnum):
    """How much an intervention asks of a person, against which risk is matched."""

    LOW = "LOW"
    MODERATE = "MODERATE"
    HIGH = "HIGH"


class RuleKind(StrEnum):
    """What a rule does: it decides, it advises, or it asks the practitioner what no record says."""

    RULE = "RULE"
    ADVISORY = "ADVISORY"
    QUESTION = "QUESTION"


class Change(StrEnum):
    """What could make a failed rule hold later."""

    TIME = "TIME"
    READINESS = "READINESS"
    STABILITY = "STABILITY"
    ASSESSMENT = "ASSESSMENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule of an intervention.

    ``code`` names its sentences in the message file, ``values`` fill them; ``test`` is absent only for a question.
    ``changeable`` says what could make it hold later; ``characteristic`` names the protected characteristic it
    turns on, if any, and ``legal_basis`` what allows that (``None``: none recorded).
    """

    code: str
    kind: RuleKind
    test: Criterion | None
    source: str
    values: Mapping[str, str] = field(default_factory=dict)
    changeable: Change | None = None
    characteristic: str | None = None
    legal_basis: str | None = None
    note: str | None = None

    @property
    def decides(self) -> bool:
        """Does it bear on eligibility? Advice and questions do not."""
        return self.kind is RuleKind.RULE


class StatedReading(Section):
    """Where the source is unclear: what about, how it is read here, and why."""

    about: Text
    reading: Text
    why: Text


class Sessions(Section):
    """A number of sessions, fewest and most; ``most`` is ``None`` where the source names no upper end.

    A file writes one number, or ``{from: 10, to: 32}``.
    """

    fewest: AboveZero = Key(alias="from")
    most: Whole | None = Key(alias="to", default=None)

    @model_validator(mode="before")
    @classmethod
    def _from_one_number(cls, document: object) -> object:
        return document if isinstance(document, Mapping) else {"from": document, "to": document}

    @model_validator(mode="after")
    def _rises(self) -> "Sessions":
        if self.most is not None and self.most < self.fewest:
            raise ValueError("gives fewer sessions after 'to' than after 'from'; correct one of them.")
        return self


class Hours(Section):
    """Hours that a court may order, fewest and most, and how they are worked off.

    ``session`` is how many hours one attendance counts, ``weekly`` how many a week there can be at most, and
    ``learning_share`` the share of all hours that may be education, training or work skills (0.2 is 20 in 100).
    """

    fewest: AboveZero
    most: AboveZero
    session: AboveZero
    weekly: Whole | None = None
    learning_share: Annotated[Number, Key(ge=0, le=1)] | None = None

    @model_validator(mode="after")
    def _rise(self) -> "Hours":
        if self.most < self.fewest:
            raise ValueError("must rise from fewest to most; correct one of them.")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervention:
    """One intervention of the catalogue.

    ``needs`` are section names (``s3_accommodation`` … ``s12_attitudes``); ``settings`` those of the contract's
    referrals in which it can be offered; ``valid_from`` is its first day and ``valid_to`` the day after its last
    (``None``: open). ``criteria`` are its rules in the order a person would check them.
    """

    id: str
    name: str
    type: InterventionType
    family: str
    needs: tuple[str, ...]
    settings: tuple[str, ...]
    formats: tuple[str, ...]
    attendance: tuple[str, ...]
    group: Sessions | None
    one_to_one: Sessions | None
    hours: Hours | None
    duration_weeks: int | None
    duration_basis: str | None
    intensity: Intensity
    learning_disability: str | None
    valid_from: date | None
    valid_to: date | None
    source: str
    readings: tuple[StatedReading, ...]
    criteria: tuple[Rule, ...]

    @property
    def sessions_group(self) -> int | None:
        """How many group sessions at most, or at least where no upper end is named?"""
        return _planned(self.group)

    @property
    def sessions_one_to_one(self) -> int | None:
        """How many one-to-one sessions at most, or at least where no upper end is named?"""
        return _planned(self.one_to_one)

    @property
    def sessions(self) -> int | None:
        """How many sessions in all? ``None`` where the source gives none."""
        if self.group is None and self.one_to_one is None:
            return None
        return (self.sessions_group or 0) + (self.sessions_one_to_one or 0)

    @property
    def hours_field(self) -> str | None:
        """Which field says how many hours the court ordered? ``None`` where none are ordered."""
        return ORDERED_HOURS.get(str(self.type)) if self.hours is not None else None

    @property
    def requirement(self) -> str | None:
        """Which requirement of a sentence would it fulfil? ``None`` for a treatment that no requirement names."""
        if self.type is InterventionType.TREATMENT_REQUIREMENT:
            return _TREATMENTS.get(self.id)
        return _REQUIREMENTS[self.type]

    @property
    def sources(self) -> tuple[str, ...]:
        """Which sources does the entry rest on, in order of first mention?"""
        return tuple(dict.fromkeys([self.source, *(rule.source for rule in self.criteria)]))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Which rules decide eligibility?"""
        return tuple(rule for rule in self.criteria if rule.decides)

    @property
    def women_only(self) -> bool:
        """Is it for women alone?"""
        return any(rule.code == "FOR_WOMEN" for rule in self.criteria)


_REQUIREMENTS: Final[Mapping[InterventionType, str]] = MappingProxyType(
    {
        InterventionType.ACP: "ACCREDITED_PROGRAMME",
        InterventionType.SI: "RAR",
        InterventionType.CRS: "RAR",
        InterventionType.TOOLKIT: "RAR",
        InterventionType.UNPAID_WORK: "UNPAID_WORK",
        InterventionType.ATTENDANCE_CENTRE: "ATTENDANCE_CENTRE",
    }
)
_TREATMENTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "drug-rehabilitation-requirement": "DRUG_REHABILITATION",
        "alcohol-treatment-requirement": "ALCOHOL_TREATMENT",
        "mental-health-treatment-requirement": "MENTAL_HEALTH_TREATMENT",
    }
)


def _planned(sessions: Sessions | None) -> int | None:
    return None if sessions is None else sessions.most or sessions.fewest
