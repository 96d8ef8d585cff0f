"""Feeds run by themselves: when each runs, how far it has read, and how its last run ended.

Revision: 0017, after 0016. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0017"
down_revision: str | None = "0016"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_JSON = sa.JSON(none_as_null=True).with_variant(postgresql.JSONB(none_as_null=True), "postgresql")
_COUNTS = ("files", "recorded", "revised", "requeued", "unchanged", "withdrawn", "rejected")


def upgrade() -> None:
    op.create_table(
        "feeds",
        sa.Column("name", sa.String(40), nullable=False),
        sa.Column("source", sa.String(10), nullable=False),
        sa.Column("source_hash", sa.String(64), nullable=False),
        sa.Column("schedule", sa.String(200), nullable=False),
        sa.Column("silent_after", sa.Float(), nullable=True),
        sa.Column("created_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("removed_at", _MOMENT, nullable=True),
        sa.Column("next_run_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", _MOMENT, nullable=True),
        sa.Column("worker", sa.String(100), nullable=True),
        sa.Column("started_at", _MOMENT, nullable=True),
        sa.Column("finished_at", _MOMENT, nullable=True),
        sa.Column("last_new_at", _MOMENT, nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("finding_code", sa.String(40), nullable=True),
        sa.Column("finding", sa.Text(), nullable=True),
        sa.Column("finding_since", _MOMENT, nullable=True),
        sa.Column("stopped_at", _MOMENT, nullable=True),
        sa.Column("stopped_by", sa.String(100), nullable=True),
        sa.Column("stopped_reason", sa.Text(), nullable=True),
        sa.Column("cursor", sa.Text(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.String(100), nullable=True),
        sa.Column("content_hash", sa.String(64), nullable=True),
        sa.Column("headings", _JSON, nullable=True),
        sa.Column("observed", _JSON, nullable=True),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in _COUNTS),
        sa.Column("agreed", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_feeds"),
    )


def downgrade() -> None:
    op.drop_table("feeds")
