"""Maintenance: deploys whose requests are kept from them for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("deploys", sa.Column("maintenance", sa.JSON))


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older schema: restore a backup")
