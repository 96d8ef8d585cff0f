"""A cancellation finds the registrations that it takes back by an index, those that have ended included.

Revision: 0013, after 0012. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0013"
down_revision: str | None = "0012"
branch_labels: str | None = None
depends_on: str | None = None

_NAME = "ix_operations_thing"


def upgrade() -> None:
    only = sa.text("sequence_key IS NOT NULL")
    with op.get_context().autocommit_block():
        op.create_index(
            _NAME,
            "operations",
            ["customer_id", "sequence_key", "kind"],
            postgresql_where=only,
            sqlite_where=only,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_NAME, "operations", postgresql_concurrently=True, if_exists=True)
