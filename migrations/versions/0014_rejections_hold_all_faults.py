"""A rejected row holds all its faults, when it was seen last and how often, and what it is known again by.

Revision: 0014, after 0013. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0014"
down_revision: str | None = "0013"
branch_labels: str | None = None
depends_on: str | None = None

_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_INDEX = "ix_rejected_rows_row_hash"


def upgrade() -> None:
    op.add_column("rejected_rows", sa.Column("faults", _JSON))
    op.add_column("rejected_rows", sa.Column("last_seen_at", sa.DateTime(timezone=True)))
    op.add_column("rejected_rows", sa.Column("times_seen", sa.Integer(), server_default="1", nullable=False))
    op.add_column("rejected_rows", sa.Column("row_hash", sa.String(64)))
    op.add_column("rejected_rows", sa.Column("rest_hash", sa.String(64)))
    has_hash = sa.text("row_hash IS NOT NULL")
    # No row has one yet: the index is made in no time.
    op.create_index(_INDEX, "rejected_rows", ["row_hash"], postgresql_where=has_hash, sqlite_where=has_hash)


def downgrade() -> None:
    op.drop_index(_INDEX, "rejected_rows")
    with op.batch_alter_table("rejected_rows") as rejected_rows:
        for name in ("rest_hash", "row_hash", "times_seen", "last_seen_at", "faults"):
            rejected_rows.drop_column(name)
