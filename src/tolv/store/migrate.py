"""Brings the schema to `tables.HEAD` with Alembic, from inside the package: no file on disk is needed.

Imported only when there is something to do: Alembic is as heavy as the rest of the store.
"""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from tolv.errors import PlatformError


def script_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration for the migrations in this package."""
    config = Config()
    # Alembic reads the value with %-interpolation.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection, *, where: str) -> None:
    """Run what is missing, inside the transaction of `connection`: all of it or nothing.

    Raises `PlatformError` if the schema is one that this version does not know.
    """
    config = script_config(connection)
    known = {one.revision for one in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise PlatformError(
            f"the store was written by a newer Tolv (schema {current})",
            where=where,
            remedy="install that version of Tolv again, or set TOLV_HOME to another directory",
        )
    command.upgrade(config, "head")
