"""A login can be held as a whole, or in one function group; a lane knows with which login it is sent.

Revision: 0006, after 0005. Written 2026-11-30.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels: str | None = None
depends_on: str | None = None

_SCOPES, _KEY = ("environment", "group", "lane"), ("scope", "customer_id", "function_group", "kind")
_WHOLE = (
    "(scope = 'environment' AND customer_id = '' AND function_group = '' AND kind = ''{})"
    " OR (scope = 'group' AND customer_id <> '' AND function_group <> '' AND kind = ''{})"
    " OR (scope = 'lane' AND customer_id <> '' AND function_group = '' AND kind <> ''{})"
)


def upgrade() -> None:
    with op.batch_alter_table("holds") as holds:
        holds.add_column(sa.Column("login", sa.String(200), server_default="", nullable=False))
        holds.add_column(sa.Column("refused_login", sa.String(200)))
        holds.add_column(sa.Column("login_works", sa.Boolean(), server_default=sa.false(), nullable=False))
    whole = _WHOLE.replace("{}", " AND login = ''")
    whole += " OR (scope = 'login' AND customer_id = '' AND kind = '' AND login <> '')"
    _replace_checks((*_SCOPES, "login"), whole, old_key=(*_KEY, "reason"), key=(*_KEY, "login", "reason"))
    op.add_column("lanes", sa.Column("login", sa.String(200)))


def downgrade() -> None:
    op.execute("DELETE FROM holds WHERE scope = 'login'")
    whole = _WHOLE.replace("{}", "")
    _replace_checks(_SCOPES, whole, old_key=(*_KEY, "login", "reason"), key=(*_KEY, "reason"))
    with op.batch_alter_table("holds") as holds:
        for name in ("login", "refused_login", "login_works"):
            holds.drop_column(name)
    with op.batch_alter_table("lanes") as lanes:
        lanes.drop_column("login")


def _replace_checks(scopes: tuple[str, ...], whole: str, *, old_key: tuple[str, ...], key: tuple[str, ...]) -> None:
    words = ", ".join(f"'{scope}'" for scope in scopes)
    with op.batch_alter_table("holds") as holds:
        for name in ("ck_holds_scope", "ck_holds_scope_is_whole"):
            holds.drop_constraint(op.f(name), type_="check")
        holds.drop_constraint(op.f(f"uq_holds_{'_'.join(old_key)}"), type_="unique")
        holds.create_check_constraint(op.f("ck_holds_scope"), f"scope IN ({words})")
        holds.create_check_constraint(op.f("ck_holds_scope_is_whole"), whole)
        holds.create_unique_constraint(op.f(f"uq_holds_{'_'.join(key)}"), list(key))
