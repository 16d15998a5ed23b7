"""What Tolv remembers, as tables: the shape that the newest migration leaves behind.

`store/migrations` makes them; a test holds the two together. `HEAD` names that migration, so that a store that is up to
date is opened without importing Alembic. Times are seconds since 1970, UTC, unless a column says ISO 8601.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

#: The revision of `store/migrations` that makes these tables.
HEAD = "0005"

metadata = MetaData()

apps = Table(
    "apps",
    metadata,
    Column("name", String, primary_key=True),
    Column("source_path", Text, nullable=False),
    Column("created", Double, nullable=False),
)

#: One row per app and environment: what should be there now.
deploys = Table(
    "deploys",
    metadata,
    Column("app", String, ForeignKey("apps.name"), primary_key=True),
    Column("environment", String, primary_key=True),
    Column("config_id", Integer),
    Column("formation", JSON, nullable=False),
    Column("live_release", Integer),
    Column("candidate_release", Integer),
    Column("running", Boolean, nullable=False),
    Column("maintenance", JSON(none_as_null=True)),
    Column("created", Double, nullable=False),
    # The head of the chain of releases: without it, nobody would miss the newest one.
    Column("last_release", Integer, nullable=False),
    Column("last_hash", String, nullable=False),
)

#: Every build that a release ever named; `removed` once its image is gone.
builds = Table(
    "builds",
    metadata,
    Column("digest", String, primary_key=True),
    Column("app", String, nullable=False),
    Column("json", JSON, nullable=False),
    Column("created_at", Double, nullable=False),
    Column("removed", Double),
    Index("builds_app", "app"),
)

#: Sealed snapshots of a deploy's config; never changed.
configs = Table(
    "configs",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("by", String, nullable=False),
    ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    Index("configs_deploy", "app", "environment"),
    sqlite_autoincrement=True,
)

#: Append-only: triggers refuse to change a row, to remove one (but with its whole deploy), and to skip a number.
releases = Table(
    "releases",
    metadata,
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("build", String, ForeignKey("builds.digest"), nullable=False),
    Column("commit", String),
    Column("config", Integer, ForeignKey("configs.id"), nullable=False),
    Column("config_digest", String, nullable=False),
    Column("formation", JSON, nullable=False),
    Column("description", Text, nullable=False),
    Column("created", String, nullable=False),  # ISO 8601, UTC: part of what is hashed
    Column("by", String, nullable=False),
    Column("release_phase", Boolean, nullable=False),
    Column("previous_hash", String, nullable=False),
    Column("hash", String, nullable=False),
    ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    Index("releases_build", "build"),
)

#: Append-only: what became of a release, in the order of `id`.
release_events = Table(
    "release_events",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String, nullable=False),
    Column("at", Double, nullable=False),
    Column("by", String, nullable=False),
    Column("reason", Text),
    Column("formation", JSON(none_as_null=True)),
    ForeignKeyConstraint(["app", "environment", "number"], ["releases.app", "releases.environment", "releases.number"]),
    Index("release_events_release", "app", "environment", "number"),
    sqlite_autoincrement=True,
)

#: How a release is watched once it is live (see `tolv.release.bakes`).
bakes = Table(
    "bakes",
    metadata,
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("release", Integer, primary_key=True, autoincrement=False),
    Column("status", String, nullable=False),
    Column("policy", JSON, nullable=False),
    Column("target", Integer),
    Column("live", Double),
    Column("until", Double),
    Column("seen", Double),
    Column("observed", JSON, nullable=False),
    Column("reason", Text),
    ForeignKeyConstraint(
        ["app", "environment", "release"], ["releases.app", "releases.environment", "releases.number"]
    ),
)

#: What the server is about or was about; an open row is the lease of its deploy.
operations = Table(
    "operations",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),  # '*': the whole app
    Column("kind", String, nullable=False),
    Column("by", String, nullable=False),
    Column("phase", String, nullable=False),
    Column("release", Integer),
    Column("details", JSON, nullable=False),
    Column("started", Double, nullable=False),
    Column("owner_pid", Integer, nullable=False),
    Column("owner_start_time", BigInteger, nullable=False),
    Column("owner_boot_id", String, nullable=False),
    Column("finished", Double),
    Column("outcome", String),
    # Of those that are not finished: the migration says so. Said here it would load the dialect of PostgreSQL, too.
    Index("operations_open", "app", "environment", unique=True),
    sqlite_autoincrement=True,
)

one_offs = Table(
    "one_offs",
    metadata,
    Column("process", String, primary_key=True),  # the keeper's process id
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("number", Integer, nullable=False),
    Column("release", Integer, nullable=False),
    Column("command", JSON, nullable=False),
    Column("by", String, nullable=False),
    Column("detached", Boolean, nullable=False),
    Column("started", Double, nullable=False),
    Column("deadline", Double),
    Column("exit", JSON(none_as_null=True)),
    ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    Index("one_offs_number", "app", "environment", "number", unique=True),
)

#: A domain belongs to one deploy of all.
domains = Table(
    "domains",
    metadata,
    Column("name", String, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("internal", Boolean, nullable=False),
    Column("created", Double, nullable=False),
    Column("by", String, nullable=False),
    ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    Index("domains_deploy", "app", "environment"),
)

#: Backing services. No deploy's rows: what a resource keeps outlives its deploy, until it is destroyed by name.
resources = Table(
    "resources",
    metadata,
    Column("id", String, primary_key=True),
    Column("app", String, nullable=False),
    Column("environment", String, nullable=False),
    Column("name", String, nullable=False),
    Column("kind", String, nullable=False),
    Column("version", String),
    Column("port", Integer),  # of a local one
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("by", String, nullable=False),
    Index("resources_name", "app", "environment", "name", unique=True),
)

#: The variables that let a deploy reach a resource. Whether it uses them, its config says.
grants = Table(
    "grants",
    metadata,
    Column("resource", String, ForeignKey("resources.id"), primary_key=True),
    Column("app", String, primary_key=True),
    Column("environment", String, primary_key=True),
    Column("tenant", String, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("created", Double, nullable=False),
    Column("by", String, nullable=False),
)

#: `destroying` = `app/environment`, inside the one transaction that may remove a deploy's releases.
meta = Table(
    "meta",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", Text, nullable=False),
)
