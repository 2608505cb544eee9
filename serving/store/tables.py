"""The tables of the store, declared once; `migrations/` brings a database to them.

A person's records are kept by their CRN, except in the audit log, which names people by a random reference
(`subjects`). Erasing a person removes the reference, so that the log stays whole and names nobody.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy import (
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import BigInteger, TypeDecorator

NAMING: Final = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
METADATA: Final = MetaData(naming_convention=NAMING)

# SQLite numbers rows by itself only for a column of type INTEGER.
Sequence: Final = BigInteger().with_variant(Integer(), "sqlite")


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC on every database; SQLite keeps none of the zone, so it is put back on reading."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a moment without a zone is a fault in Signpost."""
        del dialect
        if value is not None and value.tzinfo is None:
            raise ValueError("a moment without a time zone")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back from the database, in UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


When: Final = UtcDateTime()

cases = Table(
    "cases",
    METADATA,
    Column("crn", String(16), primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("document_hash", String(64), nullable=False),
    Column("version", Integer, nullable=False),
    Column("pdu", String(64)),
    Column("region", String(8)),
    Column("practitioner", String(240)),
    Column("team", String(240)),
    Column("excluded_users", Text),
    Column("restricted_to_users", Text),
    Column("assessed_on", Date),
    Column("sentence_type", String(64)),
    Column("sentence_ends_on", Date),
    Column("last_known_on", Date),
    # For which day, bundle and version of the case flags were last looked for.
    Column("flags_checked", String(160)),
    Index("ix_cases_practitioner_crn", "practitioner", "crn"),
    Index("ix_cases_pdu_crn", "pdu", "crn"),
    Index("ix_cases_team_crn", "team", "crn"),
)

# Apart from the case, and never opened by the connections that score (see database.py).
protected_characteristics = Table(
    "protected_characteristics",
    METADATA,
    Column("crn", String(16), primary_key=True),
    Column("document", LargeBinary, nullable=False),
)

# Old versions of case documents that a suggestion set was made from.
case_versions = Table(
    "case_versions",
    METADATA,
    Column("crn", String(16), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("document", LargeBinary, nullable=False),
    Column("document_hash", String(64), nullable=False),
)

merges = Table(
    "merges",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("from_crn", String(16), nullable=False),
    Column("to_crn", String(16), nullable=False),
    Column("merged_at", When, nullable=False),
    Column("undone_at", When),
    Column("before", LargeBinary, nullable=False),
    Index("ix_merges_from_crn", "from_crn"),
    Index("ix_merges_to_crn", "to_crn"),
)

directory = Table(
    "directory",
    METADATA,
    Column("id", Sequence, primary_key=True, autoincrement=True),
    Column("intervention_id", String(120), nullable=False),
    Column("region", String(8)),
    Column("pdu", String(64)),
    Column("venue", String(240)),
    Column("document", LargeBinary, nullable=False),
)

travel = Table(
    "travel",
    METADATA,
    Column("pdu", String(64), primary_key=True),
    Column("venue", String(240), primary_key=True),
    Column("minutes", Float, nullable=False),
)

# Whose is a referral? From the case documents, so that a referral can be asked about by its own number.
referral_owners = Table(
    "referral_owners",
    METADATA,
    Column("referral_id", String(120), primary_key=True),
    Column("crn", String(16), nullable=False),
    Index("ix_referral_owners_crn", "crn"),
)

facts = Table(
    "facts",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

suggestion_sets = Table(
    "suggestion_sets",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("crn", String(16), nullable=False),
    Column("as_of", Date, nullable=False),
    Column("setting", String(16)),
    Column("case_version", Integer, nullable=False),
    Column("case_hash", String(64), nullable=False),
    Column("bundle_version", String(64)),
    Column("spec_hash", String(64), nullable=False),
    Column("catalogue_hash", String(64), nullable=False),
    Column("content", LargeBinary, nullable=False),
    Column("first_shown_at", When, nullable=False),
    Column("first_shown_to", String(240), nullable=False),
    Index("ix_suggestion_sets_crn", "crn"),
)

decisions = Table(
    "decisions",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("suggestion_set_id", String(36), ForeignKey("suggestion_sets.id"), nullable=False),
    Column("crn", String(16), nullable=False),
    Column("decided_at", When, nullable=False),
    Column("decided_by", String(240), nullable=False),
    Column("action", String(16), nullable=False),
    Column("intervention_id", String(120)),
    Column("reason_code", String(64), nullable=False),
    Column("own_words", Text),
    Column("own_view", Text),
    Column("direction", String(16), nullable=False),
    Index("ix_decisions_crn", "crn"),
    Index("ix_decisions_suggestion_set_id", "suggestion_set_id"),
)

contests = Table(
    "contests",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("reference", String(16), nullable=False),
    Column("suggestion_set_id", String(36), ForeignKey("suggestion_sets.id"), nullable=False),
    Column("crn", String(16), nullable=False),
    Column("raised_at", When, nullable=False),
    Column("raised_by", String(240), nullable=False),
    Column("grounds", Text, nullable=False),
    Column("outcome", String(16)),
    Column("outcome_words", Text),
    Column("concluded_at", When),
    Column("concluded_by", String(240)),
    UniqueConstraint("reference"),
    Index("ix_contests_crn", "crn"),
    Index("ix_contests_suggestion_set_id", "suggestion_set_id"),
)

flags = Table(
    "flags",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("crn", String(16), nullable=False),
    Column("referral_id", String(120)),
    Column("kind", String(16), nullable=False),
    Column("code", String(64), nullable=False),
    Column("raised_on", Date, nullable=False),
    Column("practitioner", String(240)),
    Column("team", String(240)),
    Column("pdu", String(64)),
    Column("bundle_version", String(64)),
    Column("content", LargeBinary, nullable=False),
    Column("open", Boolean, nullable=False),
    Index("ix_flags_crn", "crn"),
    Index("ix_flags_practitioner_raised_on", "practitioner", "raised_on"),
    Index("ix_flags_pdu_raised_on", "pdu", "raised_on"),
)

flag_responses = Table(
    "flag_responses",
    METADATA,
    Column("id", String(36), primary_key=True),
    Column("flag_id", String(36), ForeignKey("flags.id"), nullable=False),
    Column("responded_at", When, nullable=False),
    Column("responded_by", String(240), nullable=False),
    Column("response", String(64), nullable=False),
    Column("own_words", Text),
    Index("ix_flag_responses_flag_id", "flag_id"),
)

idempotency = Table(
    "idempotency",
    METADATA,
    Column("scope", String(300), primary_key=True),
    Column("key", String(255), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("response", LargeBinary, nullable=False),
    Column("crn", String(16)),
    Column("kept_at", When, nullable=False),
    Index("ix_idempotency_crn", "crn"),
)

# Marks of people who were erased (erased.py): no CRN, and nothing else of them.
erasures = Table(
    "erasures",
    METADATA,
    Column("mark", String(64), primary_key=True),
    Column("erased_at", When, nullable=False),
)

events_received = Table(
    "events_received",
    METADATA,
    Column("id", String(64), primary_key=True),
    Column("event_type", String(120), nullable=False),
    Column("received_at", When, nullable=False),
    Column("result", String(32), nullable=False),
)

outbox = Table(
    "outbox",
    METADATA,
    Column("sequence", Sequence, primary_key=True, autoincrement=True),
    Column("id", String(36), nullable=False),
    Column("crn", String(16)),
    Column("event_type", String(120), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_at", When, nullable=False),
    Column("sent_at", When),
    Column("attempts", Integer, nullable=False),
    UniqueConstraint("id"),
    Index("ix_outbox_sent_at_sequence", "sent_at", "sequence"),
)

subjects = Table(
    "subjects",
    METADATA,
    Column("reference", String(36), primary_key=True),
    Column("crn", String(16), nullable=False),
    Index("ix_subjects_crn", "crn"),
)

audit_log = Table(
    "audit_log",
    METADATA,
    Column("sequence", Sequence, primary_key=True, autoincrement=False),
    Column("id", String(36), nullable=False),
    Column("what", String(64), nullable=False),
    Column("when", String(32), nullable=False),
    Column("who", String(240), nullable=False),
    Column("subject_reference", String(36)),
    Column("subject_type", String(32)),
    Column("correlation_id", String(64), nullable=False),
    Column("service", String(32), nullable=False),
    Column("details", Text, nullable=False),
    Column("previous_hash", String(64), nullable=False),
    Column("hash", String(64), nullable=False),
    UniqueConstraint("id"),
    Index("ix_audit_log_subject_reference", "subject_reference"),
)
