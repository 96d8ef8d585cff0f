"""A CRM fills a table in its own transaction, and operations know whether rows of it show how they stand.

Revision: 0018, after 0017. Written 2026-11-30.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision: str = "0018"
down_revision: str | None = "0017"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)
_MOMENT_OF_THE_CRM = sa.DateTime(timezone=True).with_variant(sa.Text(), "sqlite")
_INDEXES: dict[str, tuple[list[str], str, dict[str, Any]]] = {
    "ix_crm_rows_new": (["id"], "taken_at IS NULL", {}),
    "ix_crm_rows_operation_id": (["operation_id", "id"], "operation_id IS NOT NULL", {}),
    "ix_crm_rows_source_id": (["source_id"], "operation_id IS NULL", {"postgresql_using": "hash"}),
    "ix_crm_rows_to_blank": (["taken_at"], "taken_at IS NOT NULL AND data IS NOT NULL", {}),
}


def upgrade() -> None:
    _create_table()
    op.add_column("operations", sa.Column("rows_behind", sa.Boolean()))
    behind = sa.text("rows_behind")
    with op.get_context().autocommit_block():
        op.create_index(
            "ix_operations_rows_behind",
            "operations",
            ["id"],
            postgresql_where=behind,
            sqlite_where=behind,
            postgresql_concurrently=True,
            if_not_exists=True,
        )


def _create_table() -> None:
    op.create_table(
        "crm_rows",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("feed", sa.Text(), server_default="crm"),
        sa.Column("kind", sa.Text()),
        sa.Column("source_id", sa.Text()),
        sa.Column("customer_id", sa.Text()),
        sa.Column("data", sa.Text()),
        sa.Column("after", sa.Text()),
        sa.Column("send_after", _MOMENT_OF_THE_CRM),
        sa.Column("expires_at", _MOMENT_OF_THE_CRM),
        sa.Column("created_at", _MOMENT, server_default=sa.func.now()),
        sa.Column("state", sa.String(20), server_default="new", nullable=False),
        sa.Column("remote_id", sa.String(200)),
        sa.Column("ticket", sa.Text()),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error_text", sa.Text()),
        sa.Column("error_detail", sa.Text()),
        sa.Column("taken_at", _MOMENT),
        sa.Column("sent_at", _MOMENT),
        sa.Column("ended_at", _MOMENT),
        sa.Column("updated_at", _MOMENT),
        sa.Column("operation_id", sa.BigInteger()),
        sa.Column("content_hash", sa.String(64)),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_crm_rows_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_crm_rows")),
    )
    for name, (columns, condition, options) in _INDEXES.items():
        only = sa.text(condition)
        op.create_index(name, "crm_rows", columns, postgresql_where=only, sqlite_where=only, **options)


def downgrade() -> None:
    with op.get_context().autocommit_block():
        op.drop_index("ix_operations_rows_behind", "operations", postgresql_concurrently=True, if_exists=True)
    op.drop_table("crm_rows")
    with op.batch_alter_table("operations") as operations:
        operations.drop_column("rows_behind")
