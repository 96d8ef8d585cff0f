"""A lane counts the answers in a row that are not the API's own.

Revision: 0004, after 0003. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("lanes", sa.Column("foreign_in_row", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("lanes") as lanes:
        lanes.drop_column("foreign_in_row")
