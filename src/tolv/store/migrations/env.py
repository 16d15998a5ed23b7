"""Alembic's entry: migrates over the connection that `tolv.store.migrate` hands over, in its transaction."""

from __future__ import annotations

from alembic import context

from tolv.store.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
