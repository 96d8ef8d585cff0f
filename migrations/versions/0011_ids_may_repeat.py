"""A remote id may come more than once: the index that finds it is not unique any more, and is for every kind.

Revision: 0011, after 0010. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels: str | None = None
depends_on: str | None = None

_COLUMNS = ["kind", "customer_id", "remote_id"]
_NEW, _OLD = "ix_operations_remote_id", "uq_operations_remote_id"
_NAMED = "remote_id IS NOT NULL"


def upgrade() -> None:
    _create(_NEW, _NAMED, unique=False)
    _drop(_OLD)


def downgrade() -> None:
    """Refused by the database where an id has come more than once."""
    _create(_OLD, f"{_NAMED} AND kind <> 'order_token'", unique=True)
    _drop(_NEW)


def _create(name: str, only: str, *, unique: bool) -> None:
    where = sa.text(only)
    with op.get_context().autocommit_block():
        op.create_index(
            name,
            "operations",
            _COLUMNS,
            unique=unique,
            postgresql_where=where,
            sqlite_where=where,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def _drop(name: str) -> None:
    with op.get_context().autocommit_block():
        op.drop_index(name, "operations", postgresql_concurrently=True, if_exists=True)
