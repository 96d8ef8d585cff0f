"""The environment remembers the database's clock, and the steps that it has been seen to make.

Revision: 0008, after 0007. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column("environments", sa.Column("clock_seen_at", _MOMENT))
    op.add_column("environments", sa.Column("clock_stepped", sa.Float(), server_default="0", nullable=False))
    op.add_column("environments", sa.Column("clock_confirmed", sa.Float(), server_default="0", nullable=False))
    op.add_column("environments", sa.Column("clock_stepped_at", _MOMENT))


def downgrade() -> None:
    with op.batch_alter_table("environments") as environments:
        for name in ("clock_stepped_at", "clock_confirmed", "clock_stepped", "clock_seen_at"):
            environments.drop_column(name)
