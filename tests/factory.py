"""Makes rows in any state, each with what that state implies: lane, claim, history, times.

Everything can be overridden by column name; the database refuses a wrong row here too, since nothing is bypassed. Rows
made without `at` stand at `MOMENT`, the moment at which a `FixedClock` starts. Steps of a turn at such rows are in
`tests/outbox/steps.py`, rows as the CRM exports them in `tests/outbox/exported.py`.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Row, insert, select, update

from models import (
    Action,
    Attempt,
    CrmRow,
    Environment,
    Event,
    Feed,
    FeedFile,
    Hold,
    HoldReason,
    Lane,
    Operation,
    RejectedRow,
    ResultBatch,
    ResultSink,
    Scope,
    State,
)
from tests import clock

if TYPE_CHECKING:
    from collections.abc import Mapping

MOMENT = clock.MOMENT
CUSTOMER = "M30001"
BASE_URL = "http://127.0.0.1:9"
WORKER = "host:4711"

GROUPS = {
    "appointment": "crm-contact",
    "comeback": "crm-contact",
    "notification": "crm-contact",
    "viewing_registration": "viewing",
    "viewing_cancellation": "viewing",
    "order_token": "order",
    "order_status": "order",
}
PAYLOADS: Mapping[str, dict[str, Any]] = {
    "appointment": {
        "user_id": "HAN0001",
        "subject": "Visa lägenheten",
        "starts_at": "2026-12-10T09:00:00+01:00",
        "ends_at": "2026-12-10T10:00:00+01:00",
    },
    "comeback": {"contact_id": "ADR0001", "date": "2026-12-11T09:15:00+01:00", "note": "Ring efter lunch"},
    "viewing_registration": {"viewing_id": "VIS0001", "time_slot_id": "SLOT0001", "contact_id": "ADR0001"},
    "notification": {"recipients": ["HAN0001"], "header": "Nytt bud", "message": "Se budgivningen"},
    "order_token": {"data": "B2aJ=="},
    "viewing_cancellation": {"viewing_id": "VIS0001", "time_slot_id": "SLOT0001", "contact_id": "ADR0001"},
    "order_status": {"order_id": "ORD0001", "status": "Delivered", "comment": "Klart"},
}
"""The least that each kind accepts, beside `customer_id`."""

_WITHOUT_ID = {"notification", "viewing_registration", "viewing_cancellation", "order_status"}

_numbers = itertools.count(1)


def make_operation(
    connection: Connection,
    state: State = State.PENDING,
    *,
    at: datetime = MOMENT,
    history: bool = True,
    **overrides: Any,
) -> int:
    """Make an operation as it would stand in `state` at the moment `at`, with its lane and its history. Returns its id."""
    number = next(_numbers)
    kind = overrides.get("kind", "comeback")
    customer_id = overrides.get("customer_id", CUSTOMER)
    token = _lane_of(connection, customer_id, kind, at, leased=state is State.IN_FLIGHT)
    payload = {"customer_id": customer_id, **PAYLOADS.get(kind, {})}
    values = {
        "kind": kind,
        "customer_id": customer_id,
        "source_id": f"CRM-{number}",
        "payload": payload,
        "payload_hash": hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest(),
        "match_key": f"ADR0001 {number}" if kind == "comeback" else None,
        "state": state,
        "created_at": at - timedelta(minutes=10),
        "next_attempt_at": at - timedelta(minutes=10),
        **_implied(state, kind, number, at, token),
        **overrides,
    }
    values.setdefault("parent_done", _is_done(connection, values))
    made: int = connection.execute(insert(Operation).values(values).returning(Operation.id)).scalar_one()
    entry = _entry(values) if history else None
    if entry is not None:
        connection.execute(insert(Attempt).values(operation_id=made, attempt=values.get("attempt", 0), at=at, **entry))
    return made


def _is_done(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Whether it comes after none, or that one has succeeded."""
    if values.get("after_source_id") is None:
        return True
    named = {"kind": values["after_kind"], "source_id": values["after_source_id"], "feed": values.get("feed", "crm")}
    succeeded = select(Operation.id).filter_by(**named, state=State.SUCCEEDED)
    return connection.scalar(succeeded) is not None


def _implied(state: State, kind: str, number: int, at: datetime, token: int) -> dict[str, Any]:
    """Return the columns in which the state shows, beside `state` itself."""
    remote_id = None if kind in _WITHOUT_ID else f"REMOTE{number}"
    columns: dict[State, dict[str, Any]] = {
        State.PENDING: {},
        State.IN_FLIGHT: {"attempt": 1, "claimed_by": token, "claimed_at": at},
        State.RETRYABLE: {
            "attempt": 1,
            "failures": 1,
            "error_code": "unreachable",
            "next_attempt_at": at + timedelta(seconds=30),
        },
        State.IN_DOUBT: {"attempt": 1, "error_code": "unanswered", "doubt_since": at, "needs_person": True},
        State.SUCCEEDED: {
            "attempt": 1,
            "remote_id": remote_id,
            "answer": remote_id,
            "acted_at": at,
            "finalized_at": at,
        },
        State.FAILED: {
            "attempt": 1,
            "error_code": "refused",
            "error_detail": "Kontakten finns inte",
            "finalized_at": at,
        },
        State.CANCELLED: {"finalized_at": at},
        State.EXPIRED: {"finalized_at": at, "expires_at": at - timedelta(seconds=1)},
    }
    return columns[state]


def _entry(values: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the history's entry that led to the state; a row waiting for its first try, or in flight, has none."""
    state: State = values["state"]
    argued = {"outcome": state.value, "code": values.get("error_code"), "detail": values.get("error_detail")}
    sent = {"event": Event.SENT, "by": WORKER, "seconds": 0.2, "tries": 1, **argued}
    result = {"remote_id": values.get("remote_id"), "answer": values.get("answer")}
    entries: dict[State, dict[str, Any]] = {
        State.RETRYABLE: {**sent, "written": False},
        State.IN_DOUBT: {**sent, "written": True},
        State.SUCCEEDED: {**sent, "written": True, "http_status": 200, **result},
        State.FAILED: {**sent, "written": True, "http_status": 400},
        State.CANCELLED: {"event": Event.DECIDED, "by": "somebody", **argued},
        State.EXPIRED: {"event": Event.CLOSED, **argued},
    }
    return entries.get(state)


def _lane_of(connection: Connection, customer_id: str, kind: str, at: datetime, *, leased: bool) -> int:
    """Find or make the lane; with `leased`, a turn has it. Returns the lane's token."""
    is_lane = (Lane.customer_id == customer_id, Lane.kind == kind)
    token = connection.execute(select(Lane.token).where(*is_lane)).scalar_one_or_none()
    if token is None:
        make_lane(connection, customer_id, kind)
        token = 0
    if leased:
        token += 1
        turn = {"token": token, "lease_until": at + timedelta(seconds=45), "worker": WORKER}
        connection.execute(update(Lane).where(*is_lane).values(turn))
    return token


def make_lane(connection: Connection, customer_id: str = CUSTOMER, kind: str = "comeback", **overrides: Any) -> None:
    """Make a lane that has nothing to do and no turn."""
    group = GROUPS.get(kind, "crm-contact")
    values = {"customer_id": customer_id, "kind": kind, "function_group": group, "login": "default", **overrides}
    connection.execute(insert(Lane).values(values))


def make_hold(connection: Connection, scope: Scope = Scope.GROUP, *, at: datetime = MOMENT, **overrides: Any) -> int:
    """Make a hold of the scope; unless told otherwise a group's, since 401, for an hour. Returns its id."""
    parts: dict[Scope, dict[str, str]] = {
        Scope.ENVIRONMENT: {},
        Scope.GROUP: {"customer_id": CUSTOMER, "function_group": "crm-contact"},
        Scope.LANE: {"customer_id": CUSTOMER, "kind": "comeback"},
        Scope.LOGIN: {"login": "default"},
    }
    defaults = {"reason": HoldReason.UNAUTHORIZED, "since": at, "until": at + timedelta(hours=1)}
    values = {"scope": scope, **parts[scope], **defaults, **overrides}
    return connection.execute(insert(Hold).values(values).returning(Hold.id)).scalar_one()


def make_environment(connection: Connection, *, at: datetime = MOMENT, **overrides: Any) -> None:
    """Make the environment; its next request may start at once."""
    values = {"base_url": BASE_URL, "next_slot_at": at, "created_at": at, **overrides}
    connection.execute(insert(Environment).values(values))


def make_crm_row(connection: Connection, **overrides: Any) -> int:
    """Make a row as a CRM writes it, of a comeback; with `data` as a mapping, or as the text that stands there. Returns its id."""
    values = {"kind": "comeback", "source_id": f"CRM-{next(_numbers)}", "customer_id": CUSTOMER, **overrides}
    data = values.setdefault("data", PAYLOADS.get(str(values["kind"]), {}))
    values["data"] = data if data is None or isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    made: int = connection.execute(insert(CrmRow).values(values).returning(CrmRow.id)).scalar_one()
    return made


def make_feed_file(connection: Connection, *, at: datetime = MOMENT, **overrides: Any) -> int:
    """Make a feed file that has been taken in completely. Returns its id."""
    number = next(_numbers)
    digest = hashlib.sha256(str(number).encode()).hexdigest()
    counts = {"bytes": 4096, "rows_done": 10, "recorded": 10, "started_at": at, "finished_at": at}
    values = {"feed": "crm", "name": f"export-{number}.csv", "content_hash": digest, **counts, **overrides}
    return connection.execute(insert(FeedFile).values(values).returning(FeedFile.id)).scalar_one()


def make_rejected_row(connection: Connection, *, at: datetime = MOMENT, **overrides: Any) -> int:
    """Make a rejected row, and its file unless one is given. Returns its id."""
    file_id = overrides.pop("feed_file_id", None) or make_feed_file(connection, at=at)
    facts = {"line": 3, "kind": "comeback", "source_id": "CRM-BAD", "column": "Datum", "code": "bad_time"}
    words = {"reason": "The time does not exist.", "remedy": "Write another time.", "created_at": at}
    values = {"feed_file_id": file_id, **facts, **words, **overrides}
    return connection.execute(insert(RejectedRow).values(values).returning(RejectedRow.id)).scalar_one()


def make_attempt(connection: Connection, operation_id: int, **overrides: Any) -> None:
    """Add an attempt to the operation's history: it was written, and ended in doubt."""
    facts = {"event": Event.SENT, "attempt": 1, "at": MOMENT, "written": True, "outcome": "in_doubt", **overrides}
    connection.execute(insert(Attempt).values(operation_id=operation_id, **facts))


def make_action(connection: Connection, **overrides: Any) -> int:
    """Make the action of a person. Returns its id."""
    values = {"login": "app", "by": "anna", "command": "requeue", "subject": {"ids": [1]}, "affected": 1, **overrides}
    return connection.execute(insert(Action).values(values).returning(Action.id)).scalar_one()


def make_result_batch(connection: Connection, **overrides: Any) -> None:
    """Make a batch of results that has begun, and its sink."""
    values = {"sink": "crm", "number": 1, "operations": 0, "rejected": 0, "rows": b"", **overrides}
    connection.execute(insert(ResultSink).values(name=values["sink"], number=values["number"]))
    connection.execute(insert(ResultBatch).values(values))


def make_feed(connection: Connection, **overrides: Any) -> str:
    """Make a feed that runs by itself. Returns its name."""
    values = {"name": "calendar", "source": "folder", "source_hash": "1", "schedule": "every 5 s", **overrides}
    return connection.execute(insert(Feed).values(values).returning(Feed.name)).scalar_one()


def operation(connection: Connection, operation_id: int) -> Row[Any]:
    """Read an operation's row, all columns."""
    return connection.execute(select(Operation.__table__).where(Operation.id == operation_id)).one()


def lane(connection: Connection, customer_id: str = CUSTOMER, kind: str = "comeback") -> Row[Any]:
    """Read a lane's row, all columns."""
    is_lane = (Lane.customer_id == customer_id, Lane.kind == kind)
    return connection.execute(select(Lane.__table__).where(*is_lane)).one()


def history(connection: Connection, operation_id: int) -> list[Row[Any]]:
    """Read the operation's history, oldest first."""
    entries = select(Attempt.__table__).where(Attempt.operation_id == operation_id).order_by(Attempt.id)
    return list(connection.execute(entries).all())
