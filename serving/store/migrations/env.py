"""Alembic's entry: runs the migrations on the connection that serving.store.migrate hands over."""

from alembic import context

from serving.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=False,
)
context.run_migrations()
