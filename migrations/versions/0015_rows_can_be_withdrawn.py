"""A file counts the rows that the CRM took back.

Revision: 0015, after 0014. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0015"
down_revision: str | None = "0014"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("feed_files", sa.Column("withdrawn", sa.Integer(), server_default="0", nullable=False))


def downgrade() -> None:
    with op.batch_alter_table("feed_files") as feed_files:
        feed_files.drop_column("withdrawn")
