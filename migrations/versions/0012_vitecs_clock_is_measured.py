"""The environment remembers by how much Vitec's clock leads the database's.

Revision: 0012, after 0011. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0012"
down_revision: str | None = "0011"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("environments", sa.Column("vitec_clock_lead", sa.Float()))
    op.add_column("environments", sa.Column("vitec_clock_within", sa.Float()))
    op.add_column("environments", sa.Column("vitec_clock_at", sa.DateTime(timezone=True)))


def downgrade() -> None:
    with op.batch_alter_table("environments") as environments:
        for name in ("vitec_clock_at", "vitec_clock_within", "vitec_clock_lead"):
            environments.drop_column(name)
