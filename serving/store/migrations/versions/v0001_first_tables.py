"""The store's first tables, and the triggers that keep the audit log append-only."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

REFUSAL = "the audit log is append-only"


def upgrade() -> None:
    """Make every table of the store, and forbid changing or deleting what the audit log holds."""
    op.create_table(
        "audit_log",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=False,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("when", sa.String(length=32), nullable=False),
        sa.Column("who", sa.String(length=240), nullable=False),
        sa.Column("subject_reference", sa.String(length=36), nullable=True),
        sa.Column("subject_type", sa.String(length=32), nullable=True),
        sa.Column("correlation_id", sa.String(length=64), nullable=False),
        sa.Column("service", sa.String(length=32), nullable=False),
        sa.Column("details", sa.Text(), nullable=False),
        sa.Column("previous_hash", sa.String(length=64), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_audit_log")),
        sa.UniqueConstraint("id", name=op.f("uq_audit_log_id")),
    )
    op.create_index("ix_audit_log_subject_reference", "audit_log", ["subject_reference"], unique=False)
    op.create_table(
        "case_versions",
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("document_hash", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("crn", "version", name=op.f("pk_case_versions")),
    )
    op.create_table(
        "cases",
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.Column("document_hash", sa.String(length=64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("pdu", sa.String(length=64), nullable=True),
        sa.Column("region", sa.String(length=8), nullable=True),
        sa.Column("practitioner", sa.String(length=240), nullable=True),
        sa.Column("team", sa.String(length=240), nullable=True),
        sa.Column("excluded_users", sa.Text(), nullable=True),
        sa.Column("restricted_to_users", sa.Text(), nullable=True),
        sa.Column("assessed_on", sa.Date(), nullable=True),
        sa.Column("sentence_type", sa.String(length=64), nullable=True),
        sa.Column("sentence_ends_on", sa.Date(), nullable=True),
        sa.Column("last_known_on", sa.Date(), nullable=True),
        sa.Column("flags_checked", sa.String(length=160), nullable=True),
        sa.PrimaryKeyConstraint("crn", name=op.f("pk_cases")),
    )
    op.create_index("ix_cases_pdu_crn", "cases", ["pdu", "crn"], unique=False)
    op.create_index("ix_cases_practitioner_crn", "cases", ["practitioner", "crn"], unique=False)
    op.create_index("ix_cases_team_crn", "cases", ["team", "crn"], unique=False)
    op.create_table(
        "directory",
        sa.Column(
            "id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False
        ),
        sa.Column("intervention_id", sa.String(length=120), nullable=False),
        sa.Column("region", sa.String(length=8), nullable=True),
        sa.Column("pdu", sa.String(length=64), nullable=True),
        sa.Column("venue", sa.String(length=240), nullable=True),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_directory")),
    )
    op.create_table(
        "events_received",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("event_type", sa.String(length=120), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("result", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_events_received")),
    )
    op.create_table(
        "facts",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_facts")),
    )
    op.create_table(
        "flags",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("referral_id", sa.String(length=120), nullable=True),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("code", sa.String(length=64), nullable=False),
        sa.Column("raised_on", sa.Date(), nullable=False),
        sa.Column("practitioner", sa.String(length=240), nullable=True),
        sa.Column("team", sa.String(length=240), nullable=True),
        sa.Column("pdu", sa.String(length=64), nullable=True),
        sa.Column("bundle_version", sa.String(length=64), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flags")),
    )
    op.create_index("ix_flags_crn", "flags", ["crn"], unique=False)
    op.create_index("ix_flags_pdu_raised_on", "flags", ["pdu", "raised_on"], unique=False)
    op.create_index("ix_flags_practitioner_raised_on", "flags", ["practitioner", "raised_on"], unique=False)
    op.create_table(
        "idempotency",
        sa.Column("scope", sa.String(length=300), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("response", sa.LargeBinary(), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=True),
        sa.Column("kept_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "key", name=op.f("pk_idempotency")),
    )
    op.create_index("ix_idempotency_crn", "idempotency", ["crn"], unique=False)
    op.create_table(
        "merges",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("from_crn", sa.String(length=16), nullable=False),
        sa.Column("to_crn", sa.String(length=16), nullable=False),
        sa.Column("merged_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_merges")),
    )
    op.create_index("ix_merges_from_crn", "merges", ["from_crn"], unique=False)
    op.create_index("ix_merges_to_crn", "merges", ["to_crn"], unique=False)
    op.create_table(
        "outbox",
        sa.Column(
            "sequence",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=True),
        sa.Column("event_type", sa.String(length=120), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_outbox")),
        sa.UniqueConstraint("id", name=op.f("uq_outbox_id")),
    )
    op.create_index("ix_outbox_sent_at_sequence", "outbox", ["sent_at", "sequence"], unique=False)
    op.create_table(
        "protected_characteristics",
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("document", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("crn", name=op.f("pk_protected_characteristics")),
    )
    op.create_table(
        "referral_owners",
        sa.Column("referral_id", sa.String(length=120), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("referral_id", name=op.f("pk_referral_owners")),
    )
    op.create_index("ix_referral_owners_crn", "referral_owners", ["crn"], unique=False)
    op.create_table(
        "subjects",
        sa.Column("reference", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("reference", name=op.f("pk_subjects")),
    )
    op.create_index("ix_subjects_crn", "subjects", ["crn"], unique=False)
    op.create_table(
        "suggestion_sets",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("setting", sa.String(length=16), nullable=True),
        sa.Column("case_version", sa.Integer(), nullable=False),
        sa.Column("case_hash", sa.String(length=64), nullable=False),
        sa.Column("bundle_version", sa.String(length=64), nullable=True),
        sa.Column("spec_hash", sa.String(length=64), nullable=False),
        sa.Column("catalogue_hash", sa.String(length=64), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("first_shown_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("first_shown_to", sa.String(length=240), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion_sets")),
    )
    op.create_index("ix_suggestion_sets_crn", "suggestion_sets", ["crn"], unique=False)
    op.create_table(
        "travel",
        sa.Column("pdu", sa.String(length=64), nullable=False),
        sa.Column("venue", sa.String(length=240), nullable=False),
        sa.Column("minutes", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("pdu", "venue", name=op.f("pk_travel")),
    )
    op.create_table(
        "contests",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("reference", sa.String(length=16), nullable=False),
        sa.Column("suggestion_set_id", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("raised_by", sa.String(length=240), nullable=False),
        sa.Column("grounds", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("outcome_words", sa.Text(), nullable=True),
        sa.Column("concluded_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("concluded_by", sa.String(length=240), nullable=True),
        sa.ForeignKeyConstraint(
            ["suggestion_set_id"],
            ["suggestion_sets.id"],
            name=op.f("fk_contests_suggestion_set_id_suggestion_sets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_contests")),
        sa.UniqueConstraint("reference", name=op.f("uq_contests_reference")),
    )
    op.create_index("ix_contests_crn", "contests", ["crn"], unique=False)
    op.create_index("ix_contests_suggestion_set_id", "contests", ["suggestion_set_id"], unique=False)
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("suggestion_set_id", sa.String(length=36), nullable=False),
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decided_by", sa.String(length=240), nullable=False),
        sa.Column("action", sa.String(length=16), nullable=False),
        sa.Column("intervention_id", sa.String(length=120), nullable=True),
        sa.Column("reason_code", sa.String(length=64), nullable=False),
        sa.Column("own_words", sa.Text(), nullable=True),
        sa.Column("own_view", sa.Text(), nullable=True),
        sa.Column("direction", sa.String(length=16), nullable=False),
        sa.ForeignKeyConstraint(
            ["suggestion_set_id"],
            ["suggestion_sets.id"],
            name=op.f("fk_decisions_suggestion_set_id_suggestion_sets"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decisions")),
    )
    op.create_index("ix_decisions_crn", "decisions", ["crn"], unique=False)
    op.create_index("ix_decisions_suggestion_set_id", "decisions", ["suggestion_set_id"], unique=False)
    op.create_table(
        "flag_responses",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("flag_id", sa.String(length=36), nullable=False),
        sa.Column("responded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("responded_by", sa.String(length=240), nullable=False),
        sa.Column("response", sa.String(length=64), nullable=False),
        sa.Column("own_words", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["flag_id"], ["flags.id"], name=op.f("fk_flag_responses_flag_id_flags")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flag_responses")),
    )
    op.create_index("ix_flag_responses_flag_id", "flag_responses", ["flag_id"], unique=False)
    if op.get_bind().dialect.name == "sqlite":
        for deed in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_log_no_{deed.lower()} BEFORE {deed} ON audit_log "
                f"BEGIN SELECT RAISE(ABORT, '{REFUSAL}'); END"
            )
    else:
        op.execute(
            "CREATE FUNCTION audit_log_refuse() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{REFUSAL}'; END $$"
        )
        op.execute(
            "CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log "
            "FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuse()"
        )
