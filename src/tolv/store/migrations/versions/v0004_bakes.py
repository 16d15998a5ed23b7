"""Bakes: how releases are watched once they are live."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "bakes",
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("release", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("status", sa.String, nullable=False),
        sa.Column("policy", sa.JSON, nullable=False),
        sa.Column("target", sa.Integer),
        sa.Column("live", sa.Double),
        sa.Column("until", sa.Double),
        sa.Column("seen", sa.Double),
        sa.Column("observed", sa.JSON, nullable=False),
        sa.Column("reason", sa.Text),
        sa.ForeignKeyConstraint(
            ["app", "environment", "release"], ["releases.app", "releases.environment", "releases.number"]
        ),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older schema: restore a backup")
