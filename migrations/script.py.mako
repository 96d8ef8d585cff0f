"""${message}

The rules of a safe migration. Workers of the old version run while it does, and for a while after it:

1. Only add. A column comes nullable or with a constant default; what is no longer wanted is dropped one version later,
   when no running program reads or writes it. Nothing is ever renamed: add, write both, read the new, drop the old.
2. No statement holds a strong lock for longer than a moment: `lock_timeout` is 3 s, so a migration that cannot get its
   lock fails and is simply run again. An index on a table that has rows is made on PostgreSQL within
   `with op.get_context().autocommit_block():` with `postgresql_concurrently=True, if_not_exists=True`.
3. A CHECK or foreign key on a table that has rows comes in two revisions: `postgresql_not_valid=True` first, then
   `ALTER TABLE … VALIDATE CONSTRAINT`. A new NOT NULL likewise, through a CHECK.
4. A revision changes the schema or fills rows, never both. Filling goes in steps of a thousand rows, each committed.
5. Nothing is imported from `models` or `worker`: they change, and this revision must not change with them.
6. SQLite alters tables by copying them: `with op.batch_alter_table(…)`. Name every constraint.
7. `downgrade` is written and tested. The tests go up, down and up again with rows in every table.
8. A new value of a state, an event or a reason is a change of its CHECK: wider first, used one version later.

Revision: ${up_revision}, after ${down_revision or "nothing"}. Written ${create_date.date()}.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
${imports if imports else ""}
revision: str = ${repr(up_revision)}
down_revision: str | None = ${repr(down_revision)}
branch_labels: str | None = None
depends_on: str | None = None


def upgrade() -> None:
    ${upgrades if upgrades else "pass"}


def downgrade() -> None:
    ${downgrades if downgrades else "pass"}
