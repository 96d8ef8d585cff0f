"""Operations that ended without success are found by an index of their own, the newest first.

`status` counts the untold ones among them, and `list --state failed` shows them, without reading what succeeded.

Revision: 0003, after 0002. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0003"
down_revision: str | None = "0002"
branch_labels: str | None = None
depends_on: str | None = None

_NAME, _ONLY = "ix_operations_unsuccessful", "state IN ('failed', 'cancelled', 'expired')"


def upgrade() -> None:
    only = sa.text(_ONLY)
    with op.get_context().autocommit_block():
        op.create_index(
            _NAME,
            "operations",
            ["state", "id"],
            postgresql_where=only,
            sqlite_where=only,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index(_NAME, "operations", postgresql_concurrently=True, if_exists=True)
