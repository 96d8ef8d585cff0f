"""Operations on the same thing at Vitec keep their order, and a parent hands on a result to its child.

Revision: 0010, after 0009. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels: str | None = None
depends_on: str | None = None

_INDEXES = {
    "ix_operations_sequence": (
        ["customer_id", "sequence_key", "id"],
        "sequence_key IS NOT NULL AND finalized_at IS NULL",
    ),
    "ix_operations_lacking": (
        ["customer_id", "kind", "next_attempt_at", "id"],
        "lacks_result AND state IN ('pending', 'retryable')",
    ),
}


_MEMBER = {"postgresql": "(payload->>'{}')", "sqlite": "json_extract(payload, '$.{}')"}


def upgrade() -> None:
    op.add_column("operations", sa.Column("sequence_key", sa.String(255)))
    # Registrations that are under way keep their order, too.
    member = _MEMBER[op.get_context().dialect.name]
    place = " || '/' || ".join(member.format(name) for name in ("viewing_id", "time_slot_id", "contact_id"))
    op.execute(
        f"UPDATE operations SET sequence_key = 'participant/' || {place}"  # noqa: S608 (constants)
        " WHERE kind = 'viewing_registration' AND finalized_at IS NULL"
    )
    op.add_column("operations", sa.Column("lacks_result", sa.Boolean(), server_default=sa.false(), nullable=False))
    with op.get_context().autocommit_block():
        for name, (columns, condition) in _INDEXES.items():
            only = sa.text(condition)
            op.create_index(
                name,
                "operations",
                columns,
                postgresql_where=only,
                sqlite_where=only,
                postgresql_concurrently=True,
                if_not_exists=True,
            )


def downgrade() -> None:
    with op.get_context().autocommit_block():
        for name in _INDEXES:
            op.drop_index(name, "operations", postgresql_concurrently=True, if_exists=True)
    with op.batch_alter_table("operations") as operations:
        operations.drop_column("lacks_result")
        operations.drop_column("sequence_key")
