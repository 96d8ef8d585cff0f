"""Rejected rows are open until they are closed, and the actions of people are on record.

Revision: 0005, after 0004. Written 2026-11-30.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0005"
down_revision: str | None = "0004"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_CLOSING: dict[str, Any] = {"closed_at": _MOMENT, "closed_by": sa.String(100), "closed_reason": sa.Text()}


def upgrade() -> None:
    op.create_table(
        "actions",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("login", sa.String(100), nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("command", sa.String(40), nullable=False),
        sa.Column("subject", _JSON, nullable=False),
        sa.Column("reason", sa.Text()),
        sa.Column("affected", sa.Integer()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_actions")),
    )
    op.create_index("ix_actions_at", "actions", ["at"])
    for name, column_type in _CLOSING.items():
        op.add_column("rejected_rows", sa.Column(name, column_type))
    is_open = sa.text("closed_at IS NULL")
    # Only rows that could not be taken in have to be read: the table is small.
    op.create_index(
        "ix_rejected_rows_open",
        "rejected_rows",
        ["source_id", "kind"],
        postgresql_where=is_open,
        sqlite_where=is_open,
    )


def downgrade() -> None:
    op.drop_index("ix_rejected_rows_open", "rejected_rows")
    with op.batch_alter_table("rejected_rows") as rejected_rows:
        for name in _CLOSING:
            rejected_rows.drop_column(name)
    op.drop_table("actions")
