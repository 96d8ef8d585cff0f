"""Results go by themselves: sinks and their batches, and the view `operation_results` with the words of the codes.

The view names columns of `operations`, `rejected_rows` and `feed_files`: a later revision that drops one of them, or
changes its type, drops the view first and makes it anew.

Revision: 0016, after 0015. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0016"
down_revision: str | None = "0015"
branch_labels: str | None = None
depends_on: str | None = None

_MOMENT = sa.DateTime(timezone=True)

_VIEW = """
CREATE VIEW operation_results AS
SELECT
    'operation' AS part,
    operations.source_id AS source_id,
    operations.feed AS feed,
    operations.kind AS kind,
    operations.customer_id AS customer_id,
    operations.state AS state,
    operations.remote_id AS remote_id,
    operations.answer AS ticket,
    operations.error_code AS error_code,
    COALESCE(of_kind.text, of_all.text) AS error_text,
    COALESCE(of_kind.remedy, of_all.remedy) AS remedy,
    operations.error_detail AS error_detail,
    operations.attempt AS attempts,
    operations.created_at AS created_at,
    operations.finalized_at AS finalized_at,
    feed_files.name AS file,
    operations.line AS line,
    NULL AS "column",
    operations.reported_at AS told_at
FROM operations
LEFT JOIN feed_files ON feed_files.id = operations.feed_file_id
LEFT JOIN code_words AS of_kind ON of_kind.code = operations.error_code AND of_kind.kind = operations.kind
LEFT JOIN code_words AS of_all ON of_all.code = operations.error_code AND of_all.kind = ''
UNION ALL
SELECT
    'rejected',
    rejected_rows.source_id,
    feed_files.feed,
    rejected_rows.kind,
    rejected_rows.customer_id,
    'rejected',
    NULL,
    NULL,
    rejected_rows.code,
    rejected_rows.reason,
    rejected_rows.remedy,
    NULL,
    NULL,
    rejected_rows.created_at,
    NULL,
    feed_files.name,
    rejected_rows.line,
    rejected_rows."column",
    rejected_rows.reported_at
FROM rejected_rows
JOIN feed_files ON feed_files.id = rejected_rows.feed_file_id
WHERE rejected_rows.closed_at IS NULL
"""


def upgrade() -> None:
    op.create_table(
        "result_sinks",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("lease_until", _MOMENT),
        sa.Column("worker", sa.String(100)),
        sa.Column("next_at", _MOMENT),
        sa.Column("told_at", _MOMENT),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", _MOMENT),
        sa.Column("fault", sa.Text()),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_result_sinks")),
    )
    _create_batches()
    op.create_table(
        "code_words",
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("kind", sa.String(40), server_default="", nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("code", "kind", name=op.f("pk_code_words")),
    )
    op.execute(_VIEW)


def _create_batches() -> None:
    op.create_table(
        "result_batches",
        sa.Column("sink", sa.String(64), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("operations", sa.Integer(), nullable=False),
        sa.Column("rejected", sa.Integer(), nullable=False),
        sa.Column("rows", sa.LargeBinary()),
        sa.Column("created_at", _MOMENT, server_default=sa.func.now(), nullable=False),
        sa.Column("folder", sa.Text()),
        sa.Column("folder_mark", sa.String(64)),
        sa.Column("file", sa.String(255)),
        sa.Column("draft", sa.String(255)),
        sa.Column("content_hash", sa.String(64)),
        sa.Column("told_at", _MOMENT),
        sa.PrimaryKeyConstraint("sink", "number", name=op.f("pk_result_batches")),
        sa.ForeignKeyConstraint(["sink"], ["result_sinks.name"], name=op.f("fk_result_batches_sink")),
    )
    is_open = sa.text("told_at IS NULL")
    op.create_index(
        "ix_result_batches_open", "result_batches", ["sink", "number"], postgresql_where=is_open, sqlite_where=is_open
    )


def downgrade() -> None:
    op.execute("DROP VIEW operation_results")
    op.drop_table("code_words")
    op.drop_table("result_batches")
    op.drop_table("result_sinks")
