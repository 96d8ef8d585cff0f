"""An operation: one thing the CRM wants done at Vitec."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    String,
    Text,
    UniqueConstraint,
    false,
    func,
    literal_column,
    text,
    true,
)
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Json, RowId, UtcDateTime, str_enum
from models.state import FINAL, State

_FINAL_WORDS = ", ".join(f"'{state.value}'" for state in State if state in FINAL)

# The conditions of the partial indexes, of which queries must use the very words: `worker.outbox.predicates` builds its
# own from these. `{row}` is the table's name and a dot, or nothing.
WAITING_SQL = "{row}state IN ('pending', 'retryable')"
SENDABLE_SQL = (WAITING_SQL, "{row}parent_done")
AWAITING_PARENT_SQL = (WAITING_SQL, "NOT {row}parent_done")
IN_FLIGHT_SQL = "{row}state = 'in_flight'"
IN_DOUBT_SQL = "{row}state = 'in_doubt'"
NEEDS_PERSON_SQL = "{row}needs_person"
SEQUENCED_SQL = ("{row}sequence_key IS NOT NULL", "{row}finalized_at IS NULL")
"""It keeps its place before later operations on the same thing at Vitec."""
LACKS_RESULT_SQL = "{row}lacks_result"
UNSUCCESSFUL_SQL = "{row}state IN ('failed', 'cancelled', 'expired')"
ROWS_BEHIND_SQL = "{row}rows_behind"
"""Rows of `crm_rows` do not yet show how it stands."""
UNREPORTED_SQL = (
    "{row}reported_at IS NULL",
    (
        "({row}state NOT IN ('pending', 'in_flight', 'retryable')"
        " OR {row}error_code IN ('parent_missing', 'parent_circle'))"
    ),
)

WITHDRAWN_MARK = "withdrawn:"
"""Begins the hash of content that the CRM took back: exported once more, that content is new."""


def _partial_index(name: str, *columns: str, where: tuple[str, ...]) -> Index:
    condition = text(" AND ".join(where).format(row=""))
    return Index(name, *columns, postgresql_where=condition, sqlite_where=condition)


class Operation(Base):
    """One row for one wish of the CRM, for ever: the row with its key stays when its content has been blanked.

    `attempt` counts claims, only ever grows and fences every write: a settlement names the attempt it settles.
    """

    __tablename__ = "operations"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(40))
    customer_id: Mapped[str] = mapped_column(String(64))
    feed: Mapped[str] = mapped_column(String(64), server_default="crm")
    source_id: Mapped[str] = mapped_column(String(200))
    feed_file_id: Mapped[int | None] = mapped_column(ForeignKey("feed_files.id"))
    line: Mapped[int | None] = mapped_column(Integer)

    payload: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """The kind's fields by their snake_case names, unset ones left out. NULL once blanked."""
    payload_hash: Mapped[str] = mapped_column(String(64))
    """SHA-256 (hex) of all that the row of the CRM said: decides whether a re-export changed anything."""
    revision: Mapped[dict[str, Any] | None] = mapped_column(Json)
    """New content from the CRM that waits for the verdict on an operation in flight or in doubt."""
    match_key: Mapped[str | None] = mapped_column(String(200))
    """The features that a look-up could confuse with another operation's of the same kind; None: no look-up exists."""
    sequence_key: Mapped[str | None] = mapped_column(String(255))
    """The thing at Vitec that the operation sets: those of one customer and key keep their order. None: it sets none."""

    state: Mapped[State] = mapped_column(str_enum(State, "state"), server_default=State.PENDING.value)
    attempt: Mapped[int] = mapped_column(Integer, server_default="0")
    failures: Mapped[int] = mapped_column(Integer, server_default="0")
    max_failures: Mapped[int] = mapped_column(Integer, server_default="12")
    next_attempt_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    send_after: Mapped[datetime | None] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    after_kind: Mapped[str | None] = mapped_column(String(40))
    after_source_id: Mapped[str | None] = mapped_column(String(200))
    parent_done: Mapped[bool] = mapped_column(server_default=true())
    """It comes after none, or that one has succeeded. A success lasts, so that once true it stays so."""
    lacks_result: Mapped[bool] = mapped_column(server_default=false())
    """Its payload lacks a result of its parent, which fills it before the claim."""

    claimed_by: Mapped[int | None] = mapped_column(BigInteger)
    """The lane's token at the claim."""
    claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    remote_id: Mapped[str | None] = mapped_column(String(200))
    answer: Mapped[Any | None] = mapped_column(Json)
    acted_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Since when there is evidence that Vitec acted."""
    accepted: Mapped[bool] = mapped_column(server_default=false())
    """In doubt only about the id: Vitec said 2xx. Never sent again, whatever a look-up says."""
    error_code: Mapped[str | None] = mapped_column(String(40))
    error_detail: Mapped[str | None] = mapped_column(Text)
    look_ups: Mapped[int] = mapped_column(Integer, server_default="0")
    looked_up_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    look_up_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when a look-up may be under way: it counts as a request in flight. NULL once it has been taken in."""
    doubt_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From when the quiet time before a look-up counts: the later of lease end and attempt end."""
    absent_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When a look-up first found it absent in this doubt; cleared by any other answer."""
    send_again_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Two look-ups agreed that it is absent, so it may be sent again until then; later it is looked up once more."""
    first_claimed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When its first attempt was claimed: whatever is older at Vitec cannot be ours."""
    cancel_asked: Mapped[bool] = mapped_column(server_default=false())
    needs_person: Mapped[bool] = mapped_column(server_default=false())
    """Only a person can take it on: shown first, counted in `status`."""

    created_at: Mapped[datetime] = mapped_column(UtcDateTime, server_default=func.now())
    finalized_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    reported_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When the CRM was told of the present state. NULL: it has not been."""
    rows_behind: Mapped[bool | None] = mapped_column(
        onupdate=literal_column("CASE WHEN operations.rows_behind IS NOT NULL THEN true END", Boolean)
    )
    """Whether rows of `crm_rows` do not yet show how it stands; NULL: it has none. Every update that does not say makes it true."""

    __table_args__ = (
        ForeignKeyConstraint(["customer_id", "kind"], ["lanes.customer_id", "lanes.kind"]),
        UniqueConstraint("feed", "kind", "source_id"),
        CheckConstraint(f"(state IN ({_FINAL_WORDS})) = (finalized_at IS NOT NULL)", name="final_has_end"),
        CheckConstraint("(state = 'in_flight') = (claimed_by IS NOT NULL)", name="in_flight_is_claimed"),
        CheckConstraint("(claimed_by IS NULL) = (claimed_at IS NULL)", name="claim_has_time"),
        CheckConstraint("attempt >= 0 AND failures >= 0 AND look_ups >= 0 AND max_failures > 0", name="counts"),
        CheckConstraint("(after_kind IS NULL) = (after_source_id IS NULL)", name="after_is_whole"),
        CheckConstraint("parent_done OR after_source_id IS NOT NULL", name="parent_is_named"),
        # Not unique: an id is a text of Vitec's, and whether it comes once only is for Vitec to say.
        _partial_index("ix_operations_remote_id", "kind", "customer_id", "remote_id", where=("remote_id IS NOT NULL",)),
        # Without those that wait for another one: however many there are, a claim never walks past them.
        _partial_index("ix_operations_due", "customer_id", "kind", "next_attempt_at", "id", where=SENDABLE_SQL),
        _partial_index("ix_operations_in_flight", "claimed_at", "customer_id", "kind", where=(IN_FLIGHT_SQL,)),
        _partial_index("ix_operations_in_doubt", "customer_id", "kind", "next_attempt_at", "id", where=(IN_DOUBT_SQL,)),
        _partial_index("ix_operations_asking", "look_up_until", where=("look_up_until IS NOT NULL",)),
        _partial_index("ix_operations_needs_person", "id", where=(NEEDS_PERSON_SQL,)),
        _partial_index(
            "ix_operations_permitted",
            "customer_id",
            "kind",
            "next_attempt_at",
            where=("send_again_until IS NOT NULL",),
        ),
        _partial_index("ix_operations_match", "customer_id", "kind", "match_key", where=("match_key IS NOT NULL",)),
        _partial_index(
            "ix_operations_thing", "customer_id", "sequence_key", "kind", where=("sequence_key IS NOT NULL",)
        ),
        _partial_index("ix_operations_sequence", "customer_id", "sequence_key", "id", where=SEQUENCED_SQL),
        _partial_index(
            "ix_operations_lacking",
            "customer_id",
            "kind",
            "next_attempt_at",
            "id",
            where=(LACKS_RESULT_SQL, WAITING_SQL),
        ),
        _partial_index("ix_operations_expiring", "expires_at", where=(WAITING_SQL, "expires_at IS NOT NULL")),
        _partial_index("ix_operations_children", "feed", "after_kind", "after_source_id", where=AWAITING_PARENT_SQL),
        _partial_index("ix_operations_unreported", "id", where=UNREPORTED_SQL),
        _partial_index("ix_operations_rows_behind", "id", where=(ROWS_BEHIND_SQL,)),
        _partial_index("ix_operations_unsuccessful", "state", "id", where=(UNSUCCESSFUL_SQL,)),
        _partial_index(
            "ix_operations_to_blank", "finalized_at", where=("finalized_at IS NOT NULL", "payload IS NOT NULL")
        ),
    )
