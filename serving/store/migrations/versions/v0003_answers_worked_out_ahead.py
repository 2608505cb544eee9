"""Answers that are worked out before anybody asks."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# What scores reads, and nothing else; where the role is made later, the runbook says what to grant.
RIGHTS = """
DO $$
BEGIN
    IF EXISTS (SELECT 1 FROM pg_roles WHERE rolname = 'signpost_scoring') THEN
        GRANT SELECT ON cases, directory, facts, prepared_sets, referral_owners, suggestion_sets, travel
            TO signpost_scoring;
    END IF;
END
$$
"""


def upgrade() -> None:
    """Make the table, empty; the service fills it while nobody waits."""
    op.create_table(
        "prepared_sets",
        sa.Column("crn", sa.String(length=16), nullable=False),
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("made_for", sa.String(length=64), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("bundle_version", sa.String(length=64), nullable=False),
        sa.Column("spec_hash", sa.String(length=64), nullable=False),
        sa.Column("catalogue_hash", sa.String(length=64), nullable=False),
        sa.Column("told", sa.LargeBinary(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["crn"], ["cases.crn"], name=op.f("fk_prepared_sets_crn_cases"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("crn", name=op.f("pk_prepared_sets")),
    )
    op.create_index("ix_prepared_sets_made_for", "prepared_sets", ["made_for", "crn"])
    if op.get_bind().dialect.name == "postgresql":
        op.execute(RIGHTS)
