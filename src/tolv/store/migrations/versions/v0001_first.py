"""The first schema: all tables, and the triggers that keep releases as they were made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_deploys()
    _create_releases()
    _create_operations()
    keep = _keep_on_postgresql if op.get_bind().dialect.name == "postgresql" else _keep_on_sqlite
    for table in ("configs", "releases", "release_events"):
        keep(table)


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older schema: restore a backup")


def _create_deploys() -> None:
    op.create_table(
        "meta",
        sa.Column("key", sa.String, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "apps",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("source_path", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
    )
    op.create_table(
        "deploys",
        sa.Column("app", sa.String, sa.ForeignKey("apps.name"), primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("config_id", sa.Integer),
        sa.Column("formation", sa.JSON, nullable=False),
        sa.Column("live_release", sa.Integer),
        sa.Column("candidate_release", sa.Integer),
        sa.Column("running", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("last_release", sa.Integer, nullable=False),
        sa.Column("last_hash", sa.String, nullable=False),
    )
    op.create_table(
        "builds",
        sa.Column("digest", sa.String, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("json", sa.JSON, nullable=False),
        sa.Column("created_at", sa.Double, nullable=False),
        sa.Column("removed", sa.Double),
    )
    op.create_index("builds_app", "builds", ["app"])
    op.create_table(
        "configs",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
        sqlite_autoincrement=True,
    )
    op.create_index("configs_deploy", "configs", ["app", "environment"])


def _create_releases() -> None:
    op.create_table(
        "releases",
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("build", sa.String, sa.ForeignKey("builds.digest"), nullable=False),
        sa.Column("commit", sa.String),
        sa.Column("config", sa.Integer, sa.ForeignKey("configs.id"), nullable=False),
        sa.Column("config_digest", sa.String, nullable=False),
        sa.Column("formation", sa.JSON, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("created", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("release_phase", sa.Boolean, nullable=False),
        sa.Column("previous_hash", sa.String, nullable=False),
        sa.Column("hash", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    )
    op.create_index("releases_build", "releases", ["build"])
    op.create_table(
        "release_events",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("at", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("formation", sa.JSON),
        sa.ForeignKeyConstraint(
            ["app", "environment", "number"], ["releases.app", "releases.environment", "releases.number"]
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("release_events_release", "release_events", ["app", "environment", "number"])


def _create_operations() -> None:
    op.create_table(
        "operations",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("phase", sa.String, nullable=False),
        sa.Column("release", sa.Integer),
        sa.Column("details", sa.JSON, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("owner_pid", sa.Integer, nullable=False),
        sa.Column("owner_start_time", sa.BigInteger, nullable=False),
        sa.Column("owner_boot_id", sa.String, nullable=False),
        sa.Column("finished", sa.Double),
        sa.Column("outcome", sa.String),
        sqlite_autoincrement=True,
    )
    still_open = sa.text("finished IS NULL")
    op.create_index(
        "operations_open",
        "operations",
        ["app", "environment"],
        unique=True,
        sqlite_where=still_open,
        postgresql_where=still_open,
    )
    op.create_table(
        "one_offs",
        sa.Column("process", sa.String, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("release", sa.Integer, nullable=False),
        sa.Column("command", sa.JSON, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.Column("detached", sa.Boolean, nullable=False),
        sa.Column("started", sa.Double, nullable=False),
        sa.Column("deadline", sa.Double),
        sa.Column("exit", sa.JSON),
        sa.ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    )
    op.create_index("one_offs_number", "one_offs", ["app", "environment", "number"], unique=True)


# A deploy's rows may go only together, in the transaction that says so in `meta` (see `tolv.store.destroy`).
_DESTROYING = "EXISTS (SELECT 1 FROM meta WHERE key = 'destroying' AND value = OLD.app || '/' || OLD.environment)"
_NEXT_NUMBER = (
    "(SELECT coalesce(max(number), 0) + 1 FROM releases WHERE app = NEW.app AND environment = NEW.environment)"
)


def _keep_on_sqlite(table: str) -> None:
    refuse = f"BEGIN SELECT RAISE(ABORT, '{table} are append-only'); END"
    op.execute(f"CREATE TRIGGER {table}_refuse_update BEFORE UPDATE ON {table} {refuse}")
    op.execute(f"CREATE TRIGGER {table}_refuse_delete BEFORE DELETE ON {table} WHEN NOT {_DESTROYING} {refuse}")
    if table == "releases":
        op.execute(
            f"CREATE TRIGGER releases_number BEFORE INSERT ON releases WHEN NEW.number <> {_NEXT_NUMBER} "
            "BEGIN SELECT RAISE(ABORT, 'release numbers have no gaps'); END"
        )


def _keep_on_postgresql(table: str) -> None:
    op.execute(
        f"""CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF TG_OP = 'DELETE' THEN
                IF {_DESTROYING} THEN RETURN OLD; END IF;
            END IF;
            RAISE EXCEPTION USING MESSAGE = '{table} are append-only', ERRCODE = 'restrict_violation';
        END $$"""
    )
    op.execute(
        f"CREATE TRIGGER {table}_refuse BEFORE UPDATE OR DELETE ON {table} "
        f"FOR EACH ROW EXECUTE FUNCTION {table}_refuse()"
    )
    op.execute(f"CREATE TRIGGER {table}_refuse_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION {table}_refuse()")
    if table == "releases":
        op.execute(
            f"""CREATE FUNCTION releases_number() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW.number = {_NEXT_NUMBER} THEN RETURN NEW; END IF;
                RAISE EXCEPTION USING MESSAGE = 'release numbers have no gaps', ERRCODE = 'restrict_violation';
            END $$"""
        )
        op.execute(
            "CREATE TRIGGER releases_number BEFORE INSERT ON releases FOR EACH ROW EXECUTE FUNCTION releases_number()"
        )
