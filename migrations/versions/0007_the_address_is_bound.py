"""The address of Vitec is bound by the first answer from it.

Revision: 0007, after 0006. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    op.add_column("environments", sa.Column("bound_at", sa.DateTime(timezone=True), nullable=True))
    # A database that has been in use belongs to the address that it has been used with.
    op.execute("UPDATE environments SET bound_at = created_at WHERE EXISTS (SELECT 1 FROM attempts)")


def downgrade() -> None:
    with op.batch_alter_table("environments") as environments:
        environments.drop_column("bound_at")
