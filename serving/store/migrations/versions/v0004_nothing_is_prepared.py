"""Answers are worked out when somebody asks: the table of those worked out before goes, with what is in it."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Drop the table. The rights of the role that scores go with it."""
    op.drop_index("ix_prepared_sets_made_for", table_name="prepared_sets")
    op.drop_table("prepared_sets")
