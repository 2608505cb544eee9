"""The data contract: which tables a case history has, column by column.

Reading, checking, `worlds` and the feature streams all use this one declaration. Names
here are fixed, because data and clients outside the project rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING

from catalogue import fields

if TYPE_CHECKING:
    import polars as pl

CONTRACT_VERSION = "1.0"
CRN_PATTERN = r"^[A-Z]\d{6}$"
ASSESSMENT_VALID_DAYS = fields.ASSESSMENT_LIFE_DAYS
"""An assessment counts for 55 weeks."""


class ColumnKind(StrEnum):
    """What a column holds."""

    TEXT = "TEXT"
    CODE = "CODE"
    INT = "INT"
    FLOAT = "FLOAT"
    BOOL = "BOOL"
    DATE = "DATE"
    LIST = "LIST"


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: what it holds, what is allowed in it, whether it may be null.

    `allowed` closes the list of codes (for LIST: of its members), `pattern` is a
    regular expression for texts, `least` and `most` bound numbers, both included.
    """

    name: str
    kind: ColumnKind
    nullable: bool = True
    allowed: tuple[str, ...] = ()
    pattern: str | None = None
    least: float | None = None
    most: float | None = None
    numbers: tuple[int, ...] = ()

    def dtype(self) -> pl.DataType:
        """The polars type that the column has in every frame of the project."""
        import polars as pl

        types: dict[ColumnKind, pl.DataType] = {
            ColumnKind.TEXT: pl.String(),
            ColumnKind.CODE: pl.String(),
            ColumnKind.INT: pl.Int32(),
            ColumnKind.FLOAT: pl.Float64(),
            ColumnKind.BOOL: pl.Boolean(),
            ColumnKind.DATE: pl.Date(),
            ColumnKind.LIST: pl.List(pl.String()),
        }
        return types[self.kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table: its columns in order, its key, and the day its rows are about.

    Several rows with the same key are versions of one record: a correction comes as
    a further row with a later `known_on`. `happened` names the day that `known_on`
    may not precede; `owner` the table and column that a row must find its parent in.
    `declared` says that the contract itself names the key: only then is the same key
    known twice on one day a fault. Elsewhere two such rows may both be true (two
    visits on one day), though only one of them counts in features.
    """

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    optional: bool = False
    happened: str | None = None
    owner: tuple[str, str] | None = ("people", "crn")
    declared: bool = False

    def __post_init__(self) -> None:
        """Refuse a key or a day that is not among the columns."""
        names = {column.name for column in self.columns}
        for name in (*self.key, *(() if self.happened is None else (self.happened,))):
            if name not in names:
                raise ValueError(f"Table {self.name} has no column {name}.")

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in contract order."""
        return tuple(column.name for column in self.columns)

    @property
    def dated(self) -> bool:
        """Whether rows carry `known_on`."""
        return "known_on" in self.names

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if there is none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def polars_schema(self) -> dict[str, pl.DataType]:
        """Column name to polars type, in contract order."""
        return {column.name: column.dtype() for column in self.columns}


def _text(name: str, *, nullable: bool = True, pattern: str | None = None) -> Column:
    return Column(name=name, kind=ColumnKind.TEXT, nullable=nullable, pattern=pattern)


def _code(name: str, *allowed: str, nullable: bool = False) -> Column:
    return Column(name=name, kind=ColumnKind.CODE, nullable=nullable, allowed=allowed)


def _open_code(name: str) -> Column:
    """A code whose list is kept outside the contract: upper snake case, any value."""
    return Column(name=name, kind=ColumnKind.CODE, pattern=r"^[A-Z0-9]+(_[A-Z0-9]+)*$")


def _int(
    name: str,
    *,
    least: int | None = 0,
    most: int | None = None,
    nullable: bool = True,
    numbers: tuple[int, ...] = (),
) -> Column:
    return Column(name=name, kind=ColumnKind.INT, nullable=nullable, least=least, most=most, numbers=numbers)


def _float(name: str, *, least: float | None = 0.0, most: float | None = None) -> Column:
    return Column(name=name, kind=ColumnKind.FLOAT, least=least, most=most)


def _bool(name: str, *, nullable: bool = True) -> Column:
    return Column(name=name, kind=ColumnKind.BOOL, nullable=nullable)


def _date(name: str, *, nullable: bool = False) -> Column:
    return Column(name=name, kind=ColumnKind.DATE, nullable=nullable)


def _list(name: str, *allowed: str) -> Column:
    return Column(name=name, kind=ColumnKind.LIST, allowed=allowed)


_CRN = _text("crn", nullable=False, pattern=CRN_PATTERN)
_KNOWN = _date("known_on")
_EVENT_NUMBER = _int("event_number", nullable=False)
_REFERRAL_ID = _text("referral_id", nullable=False)
REGIONS = tuple("ABCDEFGHIJKL")
# Codes and scales that rules of the catalogue ask about are kept once, in `catalogue.fields`.
OFFENCE_TYPES = fields.OFFENCE_TYPES
SENTENCE_TYPES = fields.SENTENCE_TYPES
REQUIREMENT_TYPES = fields.REQUIREMENT_TYPES
OUTCOMES = (
    "ATTENDED_COMPLIED",
    "ATTENDED_NOT_COMPLIED",
    "ACCEPTABLE_ABSENCE",
    "UNACCEPTABLE_ABSENCE",
    "RESCHEDULED",
)
CIRCUMSTANCE_VALUES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ACCOMMODATION": ("SETTLED", "TRANSIENT", "NO_FIXED_ABODE", "APPROVED_PREMISES"),
        "EMPLOYMENT": ("FULL_TIME", "PART_TIME", "TRAINING", "UNEMPLOYED", "UNAVAILABLE"),
        "CARING": ("YES", "NO"),
        "HEALTH": ("YES", "NO"),
        "RELATIONSHIP": ("YES", "NO"),
    }
)
STATUSES = (
    "AWAITING_ASSESSMENT",
    "AWAITING_ALLOCATION",
    "SUITABLE_NOT_READY",
    "DEPRIORITISED",
    "SCHEDULED",
    "ON_PROGRAMME",
    "DEFERRED",
    "BREACH",
    "RECALL",
    "RETURN_TO_COURT",
    "COMPLETED",
    "WITHDRAWN",
)
LEVELS = fields.RISK_BANDS
# The largest score a section can reach.
SECTION_MAXIMA: Mapping[str, int] = MappingProxyType(
    {name: highest for name, (_, highest) in fields.SECTIONS.items()}
)
SECTIONS = tuple(SECTION_MAXIMA)
ITEMS = fields.ITEMS
YES_NO_ITEMS = ("q1_30", "q6_11", "q2_3d_domestic_abuse", "q6_7_domestic_abuse_past")
LINKS = (
    *(f"s{number}_linked_reoffending" for number in range(3, 13)),
    "s11_linked_harm",
    "s12_linked_harm",
)

_TABLES = (
    Table(
        name="people",
        key=("crn",),
        declared=True,
        owner=None,
        columns=(
            _CRN,
            _date("date_of_birth", nullable=True),
            _code("sex", *fields.SEX, nullable=True),
            _code("region", *REGIONS, nullable=True),
            _text("pdu"),
            _text("practitioner"),
            _text("team"),
            _bool("needs_interpreter"),
            _bool("reads_simple_sentences"),
            _list("excluded_users"),
            _list("restricted_to_users"),
            _KNOWN,
        ),
    ),
    Table(
        name="protected",
        key=("crn",),
        declared=True,
        columns=(
            _CRN,
            _open_code("ethnicity"),
            _open_code("religion"),
            _bool("disability"),
            _list("disability_types"),
            _open_code("sexual_orientation"),
            _bool("gender_differs_from_sex"),
            _open_code("marital_status"),
            _bool("pregnancy_or_maternity"),
            _open_code("nationality_group"),
            _bool("care_experienced"),
            _bool("ex_armed_forces"),
            _KNOWN,
        ),
    ),
    Table(
        name="sentences",
        key=("crn", "event_number"),
        declared=True,
        happened="sentenced_on",
        columns=(
            _CRN,
            _EVENT_NUMBER,
            _code("sentence_type", *SENTENCE_TYPES),
            _date("sentenced_on", nullable=True),
            _date("starts_on", nullable=True),
            _date("ends_on", nullable=True),
            _int("rar_days"),
            _text("offence_group", pattern=r"^\d{3}$"),
            _list("offence_types", *OFFENCE_TYPES),
            _list("past_offence_types", *OFFENCE_TYPES),
            _int("previous_sanctions"),
            _int("age_first_sanction", most=120),
            _KNOWN,
        ),
    ),
    Table(
        name="requirements",
        key=("crn", "event_number", "requirement_type"),
        happened="imposed_on",
        columns=(
            _CRN,
            _EVENT_NUMBER,
            _code("requirement_type", *REQUIREMENT_TYPES),
            _date("imposed_on"),
            _int("length"),
            _code("unit", "DAYS", "HOURS", "MONTHS", nullable=True),
            _KNOWN,
        ),
    ),
    Table(
        name="assessments",
        key=("assessment_id",),
        declared=True,
        happened="completed_on",
        columns=(
            _CRN,
            _text("assessment_id", nullable=False),
            _date("completed_on"),
            _KNOWN,
            _int("layer", nullable=False, numbers=(1, 3)),
            *(_int(name, most=most) for name, most in SECTION_MAXIMA.items()),
            *(_int(name, most=2) for name in ITEMS),
            *(_bool(name) for name in (*YES_NO_ITEMS, *LINKS)),
            _code("predictor_generation", "OGRS3", "OGRS4", nullable=True),
            *(_float(name, most=100.0) for name in ("ogrs_2yr", "ogp_2yr", "ovp_2yr", "rsr")),
            *(_code(name, *LEVELS, "NOT_APPLICABLE", nullable=True) for name in ("osp_dc", "osp_iic")),
            _code("rosh", *LEVELS, nullable=True),
            *(_code(name, *fields.SARA_BANDS, nullable=True) for name in ("sara_partner", "sara_other")),
            _int("erg"),
            _int("learning_screen_subtotal"),
            _bool("maturity_flag"),
            _int("motivation", most=2),
            *(
                _bool(name)
                for name in ("acute_mental_health", "substance_stable", "gang_identification", "dependence")
            ),
        ),
    ),
    Table(
        name="circumstances",
        key=("crn", "observed_on", "kind"),
        happened="observed_on",
        columns=(
            _CRN,
            _date("observed_on"),
            _KNOWN,
            _code("kind", *CIRCUMSTANCE_VALUES),
            _code(
                "value", *dict.fromkeys(v for vs in CIRCUMSTANCE_VALUES.values() for v in vs), nullable=True
            ),
        ),
    ),
    Table(
        name="contacts",
        key=("crn", "scheduled_on", "kind"),
        happened="scheduled_on",
        columns=(
            _CRN,
            _date("scheduled_on"),
            _KNOWN,
            _code("kind", "OFFICE", "HOME_VISIT", "PHONE", "VIDEO"),
            _code("outcome", *OUTCOMES, nullable=True),
        ),
    ),
    Table(
        name="referrals",
        key=("referral_id",),
        declared=True,
        happened="referred_on",
        columns=(
            _REFERRAL_ID,
            _CRN,
            _int("event_number"),
            _text("intervention_id", nullable=False),
            _code("setting", *fields.SETTINGS, nullable=True),
            _code("source", "REQUIREMENT", "LICENCE_CONDITION", "PRACTITIONER", nullable=True),
            _date("referred_on"),
            _KNOWN,
            _text("provider"),
            _text("venue"),
            _code("format", "GROUP", "ONE_TO_ONE", "ONLINE", nullable=True),
            _int("sessions_planned"),
        ),
    ),
    Table(
        name="referral_events",
        key=("referral_id", "occurred_on", "status"),
        happened="occurred_on",
        owner=("referrals", "referral_id"),
        columns=(
            _REFERRAL_ID,
            _date("occurred_on"),
            _KNOWN,
            _code("status", *STATUSES),
            _open_code("reason"),
        ),
    ),
    Table(
        name="sessions",
        key=("referral_id", "session_number"),
        happened="scheduled_on",
        owner=("referrals", "referral_id"),
        columns=(
            _REFERRAL_ID,
            _int("session_number", nullable=False),
            _date("scheduled_on"),
            _KNOWN,
            _code("outcome", *OUTCOMES, nullable=True),
        ),
    ),
    Table(
        name="enforcement",
        key=("crn", "event_number", "occurred_on", "kind"),
        optional=True,
        happened="occurred_on",
        columns=(
            _CRN,
            _int("event_number"),
            _date("occurred_on"),
            _KNOWN,
            _code("kind", "WARNING", "FINAL_WARNING", "BREACH_STARTED", "BREACH_PROVEN", "RECALL"),
        ),
    ),
    Table(
        name="reoffences",
        key=("crn", "offence_on"),
        happened="offence_on",
        columns=(_CRN, _date("offence_on"), _KNOWN, _bool("violent")),
    ),
    Table(
        name="directory",
        key=("intervention_id", "region", "pdu", "venue", "format", "valid_from"),
        optional=True,
        owner=None,
        columns=(
            _text("intervention_id", nullable=False),
            _code("region", *REGIONS, nullable=True),
            _text("pdu"),
            _text("venue"),
            _code("format", "GROUP", "ONE_TO_ONE", "ONLINE", nullable=True),
            _bool("women_only"),
            _float("women_in_group"),
            _date("next_start_on", nullable=True),
            _float("sessions_per_week"),
            _float("weekly_places"),
            _float("waiting_weeks"),
            _date("valid_from", nullable=True),
            _date("valid_to", nullable=True),
        ),
    ),
    Table(
        name="travel",
        key=("pdu", "venue"),
        optional=True,
        owner=None,
        columns=(_text("pdu", nullable=False), _text("venue", nullable=False), _float("minutes")),
    ),
    Table(
        name="decisions",
        key=("decision_id",),
        declared=True,
        optional=True,
        columns=(
            _text("decision_id", nullable=False),
            _CRN,
            _text("suggestion_set_id"),
            _date("decided_on"),
            _text("intervention_id"),
            _code("action", "ACCEPTED", "DEPARTED", "NONE_CHOSEN", "CONTESTED"),
            _text("reason"),
        ),
    ),
)

TABLES: Mapping[str, Table] = MappingProxyType({table.name: table for table in _TABLES})
"""Every table of the contract by name, in the contract's order."""

CASE_TABLES: tuple[str, ...] = tuple(
    name for name in TABLES if name not in {"protected", "directory", "travel"}
)
"""The tables that belong to one person's case; `protected` never does."""
