"""Backing services: resources, and who was granted them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "resources",
        sa.Column("id", sa.String, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("version", sa.String),
        sa.Column("port", sa.Integer),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
    )
    op.create_index("resources_name", "resources", ["app", "environment", "name"], unique=True)
    op.create_table(
        "grants",
        sa.Column("resource", sa.String, sa.ForeignKey("resources.id"), primary_key=True),
        sa.Column("app", sa.String, primary_key=True),
        sa.Column("environment", sa.String, primary_key=True),
        sa.Column("tenant", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older schema: restore a backup")
