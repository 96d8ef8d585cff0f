"""Attempts keep the beginning and the shape of answers that are not as documented.

Revision: 0009, after 0008. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("attempts", sa.Column("answer_text", sa.Text()))
    op.add_column("attempts", sa.Column("answer_shape", sa.Text()))


def downgrade() -> None:
    with op.batch_alter_table("attempts") as attempts:
        attempts.drop_column("answer_shape")
        attempts.drop_column("answer_text")
