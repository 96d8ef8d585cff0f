"""A hold says its cause, and may be there because answers are not the API's own.

The table has a row for each hold that stands, so that its CHECK is replaced at once.

Revision: 0002, after 0001. Written 2026-11-30.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from alembic.operations import BatchOperations

revision: str = "0002"
down_revision: str | None = "0001"
branch_labels: str | None = None
depends_on: str | None = None

_BEFORE = ("unauthorized", "forbidden", "throttled", "unavailable", "redirected", "paused")
_AFTER = ("unauthorized", "forbidden", "throttled", "unavailable", "redirected", "foreign_answer", "paused")


def upgrade() -> None:
    with op.batch_alter_table("holds") as holds:
        holds.add_column(sa.Column("cause", sa.String(200)))
        _replace_reasons(holds, _AFTER)


def downgrade() -> None:
    op.execute("DELETE FROM holds WHERE reason = 'foreign_answer'")
    with op.batch_alter_table("holds") as holds:
        _replace_reasons(holds, _BEFORE)
        holds.drop_column("cause")


def _replace_reasons(holds: BatchOperations, reasons: tuple[str, ...]) -> None:
    words = ", ".join(f"'{reason}'" for reason in reasons)
    holds.drop_constraint(op.f("ck_holds_reason"), type_="check")
    holds.create_check_constraint(op.f("ck_holds_reason"), f"reason IN ({words})")
