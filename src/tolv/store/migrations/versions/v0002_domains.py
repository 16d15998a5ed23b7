"""Own domains, each of one deploy."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "domains",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("app", sa.String, nullable=False),
        sa.Column("environment", sa.String, nullable=False),
        sa.Column("internal", sa.Boolean, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("by", sa.String, nullable=False),
        sa.ForeignKeyConstraint(["app", "environment"], ["deploys.app", "deploys.environment"]),
    )
    op.create_index("domains_deploy", "domains", ["app", "environment"])


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older schema: restore a backup")
