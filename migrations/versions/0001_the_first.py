"""The first schema: operations and their history, lanes, holds, the environment, and what came from the CRM.

Revision: 0001, after nothing. The rules of a safe migration stand in `script.py.mako`; here there are no rows yet.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision: str = "0001"
down_revision: str | None = None
branch_labels: str | None = None
depends_on: str | None = None

# SQLite numbers rows by itself only in a column that is exactly INTEGER.
_ROW_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
_MOMENT = sa.DateTime(timezone=True)

_STATES = ("pending", "in_flight", "retryable", "in_doubt", "succeeded", "failed", "cancelled", "expired")
_EVENTS = ("sent", "late", "looked_up", "decided", "closed")
_SCOPES = ("environment", "group", "lane")
_REASONS = ("unauthorized", "forbidden", "throttled", "unavailable", "redirected", "paused")


def upgrade() -> None:
    _environments()
    _feed_files()
    _rejected_rows()
    _holds()
    _lanes()
    _operations()
    _operations_indexes()
    _attempts()


def downgrade() -> None:
    for table in ("attempts", "operations", "lanes", "holds", "rejected_rows", "feed_files", "environments"):
        op.drop_table(table)


def _environments() -> None:
    op.create_table(
        "environments",
        sa.Column("id", sa.SmallInteger(), server_default="1", autoincrement=False, nullable=False),
        sa.Column("base_url", sa.String(200), nullable=False),
        _moment("next_slot_at", default_now=True),
        _count("failures_in_row"),
        _moment("dispatched_at"),
        _moment("created_at", default_now=True),
        sa.CheckConstraint("id = 1", name=op.f("ck_environments_only_one")),
        sa.CheckConstraint("failures_in_row >= 0", name=op.f("ck_environments_counts")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_environments")),
    )


def _feed_files() -> None:
    op.create_table(
        "feed_files",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("feed", sa.String(64), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(40)),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("rows_done", sa.BigInteger(), server_default="0", nullable=False),
        *(_count(name) for name in ("recorded", "revised", "requeued", "unchanged", "rejected")),
        _moment("started_at", default_now=True),
        _moment("finished_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feed_files")),
    )
    _index("ix_feed_files_content_hash", "feed_files", "content_hash")


def _rejected_rows() -> None:
    op.create_table(
        "rejected_rows",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("feed_file_id", _ROW_ID, nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(40)),
        sa.Column("customer_id", sa.String(64)),
        sa.Column("source_id", sa.String(200)),
        sa.Column("column", sa.String(200)),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("remedy", sa.Text(), nullable=False),
        _moment("created_at", default_now=True),
        _moment("reported_at"),
        sa.ForeignKeyConstraint(["feed_file_id"], ["feed_files.id"], name=op.f("fk_rejected_rows_feed_file_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_rejected_rows")),
    )
    _index("ix_rejected_rows_feed_file_id", "rejected_rows", "feed_file_id", "id")
    _index("ix_rejected_rows_unreported", "rejected_rows", "id", where="reported_at IS NULL")


def _holds() -> None:
    key = ("scope", "customer_id", "function_group", "kind", "reason")
    op.create_table(
        "holds",
        sa.Column("id", _ROW_ID, nullable=False),
        _word("scope", "ck_holds_scope", _SCOPES),
        sa.Column("customer_id", sa.String(64), server_default="", nullable=False),
        sa.Column("function_group", sa.String(40), server_default="", nullable=False),
        sa.Column("kind", sa.String(40), server_default="", nullable=False),
        _word("reason", "ck_holds_reason", _REASONS),
        _moment("since", default_now=True),
        _moment("until"),
        sa.Column("strikes", sa.Integer(), server_default="1", nullable=False),
        sa.Column("by", sa.String(100)),
        sa.Column("note", sa.Text()),
        sa.CheckConstraint(
            "(scope = 'environment' AND customer_id = '' AND function_group = '' AND kind = '')"
            " OR (scope = 'group' AND customer_id <> '' AND function_group <> '' AND kind = '')"
            " OR (scope = 'lane' AND customer_id <> '' AND function_group = '' AND kind <> '')",
            name=op.f("ck_holds_scope_is_whole"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_holds")),
        sa.UniqueConstraint(*key, name=op.f("uq_holds_scope_customer_id_function_group_kind_reason")),
    )


def _lanes() -> None:
    op.create_table(
        "lanes",
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("function_group", sa.String(40), nullable=False),
        _moment("due_at"),
        sa.Column("token", sa.BigInteger(), server_default="0", nullable=False),
        _moment("lease_until"),
        sa.Column("worker", sa.String(100)),
        sa.PrimaryKeyConstraint("customer_id", "kind", name=op.f("pk_lanes")),
    )
    _index("ix_lanes_due", "lanes", "kind", "due_at", "customer_id", where="due_at IS NOT NULL")
    _index("ix_lanes_leased", "lanes", "lease_until", where="lease_until IS NOT NULL")


def _operations() -> None:
    op.create_table("operations", *_what_is_wanted(), *_what_became_of_it(), *_operations_constraints())


def _what_is_wanted() -> list[sa.Column[object]]:
    return [
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("kind", sa.String(40), nullable=False),
        sa.Column("customer_id", sa.String(64), nullable=False),
        sa.Column("feed", sa.String(64), server_default="crm", nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("feed_file_id", _ROW_ID),
        sa.Column("line", sa.Integer()),
        sa.Column("payload", _JSON),
        sa.Column("payload_hash", sa.String(64), nullable=False),
        sa.Column("revision", _JSON),
        sa.Column("match_key", sa.String(200)),
        _word("state", "ck_operations_state", _STATES, default="pending"),
        _count("attempt"),
        _count("failures"),
        sa.Column("max_failures", sa.Integer(), server_default="12", nullable=False),
        _moment("next_attempt_at", default_now=True),
        _moment("send_after"),
        _moment("expires_at"),
        sa.Column("after_kind", sa.String(40)),
        sa.Column("after_source_id", sa.String(200)),
        _flag("parent_done", default=True),
    ]


def _what_became_of_it() -> list[sa.Column[object]]:
    return [
        sa.Column("claimed_by", sa.BigInteger()),
        _moment("claimed_at"),
        sa.Column("remote_id", sa.String(200)),
        sa.Column("answer", _JSON),
        _moment("acted_at"),
        _flag("accepted"),
        sa.Column("error_code", sa.String(40)),
        sa.Column("error_detail", sa.Text()),
        _count("look_ups"),
        _moment("looked_up_at"),
        _moment("look_up_until"),
        _moment("doubt_since"),
        _moment("absent_since"),
        _moment("send_again_until"),
        _moment("first_claimed_at"),
        _flag("cancel_asked"),
        _flag("needs_person"),
        _moment("created_at", default_now=True),
        _moment("finalized_at"),
        _moment("reported_at"),
    ]


def _operations_constraints() -> list[sa.Constraint]:
    lane = ["lanes.customer_id", "lanes.kind"]
    checks = {
        "final_has_end": ("(state IN ('succeeded', 'failed', 'cancelled', 'expired')) = (finalized_at IS NOT NULL)"),
        "in_flight_is_claimed": "(state = 'in_flight') = (claimed_by IS NOT NULL)",
        "claim_has_time": "(claimed_by IS NULL) = (claimed_at IS NULL)",
        "counts": "attempt >= 0 AND failures >= 0 AND look_ups >= 0 AND max_failures > 0",
        "after_is_whole": "(after_kind IS NULL) = (after_source_id IS NULL)",
        "parent_is_named": "parent_done OR after_source_id IS NOT NULL",
    }
    return [
        sa.PrimaryKeyConstraint("id", name=op.f("pk_operations")),
        sa.ForeignKeyConstraint(["customer_id", "kind"], lane, name=op.f("fk_operations_customer_id_kind")),
        sa.ForeignKeyConstraint(["feed_file_id"], ["feed_files.id"], name=op.f("fk_operations_feed_file_id")),
        sa.UniqueConstraint("feed", "kind", "source_id", name=op.f("uq_operations_feed_kind_source_id")),
        *(sa.CheckConstraint(rule, name=op.f(f"ck_operations_{name}")) for name, rule in checks.items()),
    ]


def _operations_indexes() -> None:
    table, lane, waiting = "operations", ("customer_id", "kind"), "state IN ('pending', 'retryable')"
    _index(
        "uq_operations_remote_id",
        table,
        *("kind", "customer_id", "remote_id"),
        unique=True,
        where="remote_id IS NOT NULL AND kind <> 'order_token'",
    )
    _index("ix_operations_due", table, *lane, "next_attempt_at", "id", where=f"{waiting} AND parent_done")
    _index("ix_operations_in_flight", table, "claimed_at", *lane, where="state = 'in_flight'")
    _index("ix_operations_in_doubt", table, *lane, "next_attempt_at", "id", where="state = 'in_doubt'")
    _index("ix_operations_asking", table, "look_up_until", where="look_up_until IS NOT NULL")
    _index("ix_operations_needs_person", table, "id", where="needs_person")
    _index("ix_operations_permitted", table, *lane, "next_attempt_at", where="send_again_until IS NOT NULL")
    _index("ix_operations_match", table, *lane, "match_key", where="match_key IS NOT NULL")
    _index("ix_operations_expiring", table, "expires_at", where=f"{waiting} AND expires_at IS NOT NULL")
    _index(
        "ix_operations_children",
        table,
        *("feed", "after_kind", "after_source_id"),
        where=f"{waiting} AND NOT parent_done",
    )
    _index(
        "ix_operations_unreported",
        table,
        "id",
        where="reported_at IS NULL AND (state NOT IN ('pending', 'in_flight', 'retryable')"
        " OR error_code IN ('parent_missing', 'parent_circle'))",
    )
    _index("ix_operations_to_blank", table, "finalized_at", where="finalized_at IS NOT NULL AND payload IS NOT NULL")


def _attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", _ROW_ID, nullable=False),
        sa.Column("operation_id", _ROW_ID, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        _word("event", "ck_attempts_event", _EVENTS),
        _moment("at", default_now=True),
        sa.Column("seconds", sa.Float()),
        sa.Column("tries", sa.Integer()),
        sa.Column("written", sa.Boolean()),
        sa.Column("http_status", sa.Integer()),
        sa.Column("outcome", sa.String(20)),
        sa.Column("code", sa.String(40)),
        sa.Column("detail", sa.Text()),
        sa.Column("remote_id", sa.String(200)),
        sa.Column("answer", _JSON),
        sa.Column("replaced", _JSON),
        sa.Column("by", sa.String(100)),
        sa.ForeignKeyConstraint(["operation_id"], ["operations.id"], name=op.f("fk_attempts_operation_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attempts")),
    )
    _index("ix_attempts_operation_id", "attempts", "operation_id", "id")
    _index("uq_attempts_sent", "attempts", "operation_id", "attempt", unique=True, where="event = 'sent'")


def _moment(name: str, *, default_now: bool = False) -> sa.Column[object]:
    return sa.Column(name, _MOMENT, server_default=sa.func.now() if default_now else None, nullable=not default_now)


def _count(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Integer(), server_default="0", nullable=False)


def _flag(name: str, *, default: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Boolean(), server_default=sa.true() if default else sa.false(), nullable=False)


def _word(name: str, check: str, values: tuple[str, ...], default: str | None = None) -> sa.Column[object]:
    kept = sa.Enum(*values, name=op.f(check), native_enum=False, create_constraint=True, length=20)
    return sa.Column(name, kept, server_default=default, nullable=False)


def _index(name: str, table: str, *columns: str, unique: bool = False, where: str | None = None) -> None:
    only = None if where is None else sa.text(where)
    op.create_index(name, table, list(columns), unique=unique, postgresql_where=only, sqlite_where=only)
