"""The ledger: all that the stand-in received and carried out, in SQLite, committed before an answer goes out."""

import sqlite3
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Self

from worker.sandbox.api.calls import ApiCall, CallKind
from worker.sandbox.api.judging import Effect, ReceivedRequest
from worker.sandbox.api.times import as_utc_text, as_wall_clock, round_as_stored

IN_MEMORY: Final = ":memory:"

_SCHEMA: Final = """
CREATE TABLE IF NOT EXISTS requests (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, method TEXT NOT NULL, path TEXT NOT NULL,
    kind TEXT, customer_id TEXT, request_id TEXT, body_sha256 TEXT, body TEXT,
    fault TEXT, status INTEGER, applied INTEGER NOT NULL DEFAULT 0, remote_id TEXT);
CREATE TABLE IF NOT EXISTS created (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ledger_id INTEGER NOT NULL REFERENCES requests (id), kind TEXT NOT NULL,
    customer_id TEXT NOT NULL, remote_id TEXT NOT NULL, user_id TEXT, contact_id TEXT, viewing_id TEXT,
    time_slot_id TEXT, participated INTEGER NOT NULL, date TEXT, created_at TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS removed (
    created_id INTEGER PRIMARY KEY REFERENCES created (id), ledger_id INTEGER NOT NULL REFERENCES requests (id));
CREATE TABLE IF NOT EXISTS set_statuses (
    id INTEGER PRIMARY KEY AUTOINCREMENT, ledger_id INTEGER NOT NULL REFERENCES requests (id),
    customer_id TEXT NOT NULL, order_id TEXT NOT NULL, status TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS created_by_contact ON created (customer_id, contact_id, kind);
CREATE TABLE IF NOT EXISTS struck_connections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_at TEXT NOT NULL, fault TEXT NOT NULL);
"""


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One request. `body` is None where it was never read; `status` is None where no answer was begun."""

    id: int
    received_at: str
    method: str
    path: str
    kind: str | None
    customer_id: str | None
    request_id: str | None
    body_sha256: str | None
    body: str | None
    fault: str | None
    status: int | None
    applied: bool
    remote_id: str | None


@dataclass(frozen=True, slots=True)
class CreatedThing:
    """A calendar entry, follow-up, lead or message made by a call. Times are naive, in Stockholm.

    A lead stays when its registration is taken back: `removed_by` is the request that did it.
    """

    id: int
    ledger_id: int
    kind: str
    customer_id: str
    remote_id: str
    user_id: str | None
    contact_id: str | None
    viewing_id: str | None
    time_slot_id: str | None
    participated: bool
    date: datetime | None
    created_at: datetime
    removed_by: int | None


@dataclass(frozen=True, slots=True)
class SetStatus:
    """A state that an order was put in by a request; the last one of an order is its present state."""

    id: int
    ledger_id: int
    customer_id: str
    order_id: str
    status: str


class Ledger:
    """The only writer and reader of the file. May be used from several threads; several processes may read."""

    def __init__(self, path: Path | str = IN_MEMORY) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=10)
        self._connection.row_factory = sqlite3.Row
        # In this mode a killed process loses nothing committed; a power cut could, which a stand-in may suffer.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    # Writing. `record_request` and, where the call is carried out, `carry_out` go into one transaction.

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def record_request(
        self,
        request: ReceivedRequest,
        call: ApiCall | None,
        *,
        fault: str | None,
        status: int | None,
        current_time: datetime,
        read: bool,
    ) -> int:
        """Write down a request and return its number in the ledger. A body that was not read is not written."""
        body = request.body if read else None
        row = (
            as_utc_text(current_time),
            request.method,
            request.path,
            call and call.kind,
            call and call.customer_id,
            request.headers.get("X-Request-Id"),
            None if body is None else sha256(body).hexdigest(),
            None if body is None else body.decode("utf-8", "replace"),
            fault,
            status,
        )
        columns = "received_at, method, path, kind, customer_id, request_id, body_sha256, body, fault, status"
        with self._lock:
            cursor = self._connection.execute(f"INSERT INTO requests ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?)", row)  # noqa: S608
        assert cursor.lastrowid is not None  # noqa: S101  An insert into a table with a row id has one.
        return cursor.lastrowid

    def carry_out(self, number: int, effect: Effect, *, remote_id: str, current_time: datetime) -> None:
        """Carry out a received call: mark it applied, and add the thing that it makes, or take away, or set."""
        with self._lock:
            self._connection.execute(
                "UPDATE requests SET applied = 1, remote_id = ? WHERE id = ?", (remote_id or None, number)
            )
            if effect.call.kind is CallKind.VIEWING_CANCELLATION:
                self._remove(number, effect.call)
            elif effect.status is not None:
                row = (number, effect.call.customer_id, effect.order_id, effect.status)
                columns = "ledger_id, customer_id, order_id, status"
                self._connection.execute(f"INSERT INTO set_statuses ({columns}) VALUES (?, ?, ?, ?)", row)  # noqa: S608
            elif effect.ticket is None:
                self._insert_created(number, effect, remote_id, current_time)

    def _remove(self, number: int, call: ApiCall) -> None:
        removed = [(registration.id, number) for registration in self.registered(call)]
        self._connection.executemany("INSERT INTO removed (created_id, ledger_id) VALUES (?, ?)", removed)

    def _insert_created(self, number: int, effect: Effect, remote_id: str, current_time: datetime) -> None:
        call = effect.call
        row = {
            "ledger_id": number,
            "kind": call.kind,
            "customer_id": call.customer_id,
            "remote_id": remote_id,
            "user_id": call.user_id,
            "contact_id": call.contact_id,
            "viewing_id": call.viewing_id,
            "time_slot_id": call.time_slot_id,
            "participated": effect.participated,
            "date": effect.date and round_as_stored(effect.date).isoformat(),
            "created_at": round_as_stored(as_wall_clock(current_time)).isoformat(),
        }
        columns = ", ".join(row)
        values = ", ".join(f":{name}" for name in row)
        self._connection.execute(f"INSERT INTO created ({columns}) VALUES ({values})", row)  # noqa: S608

    def record_struck_connection(self, fault: str, *, current_time: datetime) -> None:
        """Write down a fault that struck a connection before any request."""
        with self._lock:
            row = (as_utc_text(current_time), fault)
            self._connection.execute("INSERT INTO struck_connections (received_at, fault) VALUES (?, ?)", row)

    def clear(self) -> None:
        """Forget everything but the numbering, so that no id is ever given twice."""
        with self.transaction():
            for table in ("removed", "set_statuses", "created", "requests", "struck_connections"):
                self._connection.execute(f"DELETE FROM {table}")  # noqa: S608

    # Reading.

    def requests(self, *, kind: CallKind | None = None, after: int = 0, limit: int = -1) -> list[LedgerEntry]:
        """Read requests in the order of their arrival."""
        condition = "id > ? AND (? IS NULL OR kind = ?) ORDER BY id LIMIT ?"
        return self._entries(condition, (after, kind, kind, limit))

    def applied(self, *, kind: CallKind | None = None, after: int = 0, limit: int = -1) -> list[LedgerEntry]:
        """Read requests that were carried out, in the order of their arrival."""
        condition = "applied AND id > ? AND (? IS NULL OR kind = ?) ORDER BY id LIMIT ?"
        return self._entries(condition, (after, kind, kind, limit))

    def created(
        self, *, kind: CallKind | None = None, customer_id: str | None = None, contact_id: str | None = None
    ) -> list[CreatedThing]:
        condition = "(?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR customer_id = ?2) AND (?3 IS NULL OR contact_id = ?3)"
        if customer_id and contact_id:
            condition = "(?1 IS NULL OR kind = ?1) AND customer_id = ?2 AND contact_id = ?3"
        removal = "SELECT removed.ledger_id FROM removed WHERE removed.created_id = created.id"
        query = f"SELECT *, ({removal}) AS removed_by FROM created WHERE {condition} ORDER BY id"  # noqa: S608
        return [_created_from(row) for row in self._fetch_all(query, (kind, customer_id, contact_id))]

    def registered(self, call: ApiCall) -> list[CreatedThing]:
        """Read the contact's registrations for the viewing that stand; at one time slot only, if the call names it."""
        made = self.created(
            kind=CallKind.VIEWING_REGISTRATION, customer_id=call.customer_id, contact_id=call.contact_id
        )
        return [
            lead
            for lead in made
            if lead.removed_by is None
            and lead.viewing_id == call.viewing_id
            and call.time_slot_id in {None, lead.time_slot_id}
        ]

    def set_statuses(self, *, customer_id: str | None = None, order_id: str | None = None) -> list[SetStatus]:
        """Read the states that orders were put in, in the order in which it happened."""
        condition = "(?1 IS NULL OR customer_id = ?1) AND (?2 IS NULL OR order_id = ?2)"
        rows = self._fetch_all(f"SELECT * FROM set_statuses WHERE {condition} ORDER BY id", (customer_id, order_id))  # noqa: S608
        return [SetStatus(**dict(row)) for row in rows]

    def count(self, *, kind: CallKind | None = None, applied: bool | None = None) -> int:
        condition = "(?1 IS NULL OR kind = ?1) AND (?2 IS NULL OR applied = ?2)"
        (row,) = self._fetch_all(f"SELECT count(*) AS n FROM requests WHERE {condition}", (kind, applied))  # noqa: S608
        return int(row["n"])

    def counts_by_kind(self) -> dict[str, tuple[int, int]]:
        """Count the received and the applied requests of each kind that came."""
        query = "SELECT kind, count(*) AS n, sum(applied) AS cursor FROM requests WHERE kind IS NOT NULL GROUP BY kind"
        return {row["kind"]: (row["n"], row["cursor"]) for row in self._fetch_all(query)}

    def faults(self) -> Counter[str]:
        """Count how often each fault has struck, on connections and on requests."""
        query = (
            "SELECT fault, count(*) AS n FROM (SELECT fault FROM requests WHERE fault IS NOT NULL"
            " UNION ALL SELECT fault FROM struck_connections) GROUP BY fault"
        )
        return Counter({row["fault"]: row["n"] for row in self._fetch_all(query)})

    def _entries(self, condition: str, values: tuple[Any, ...]) -> list[LedgerEntry]:
        return [_entry_from(row) for row in self._fetch_all(f"SELECT * FROM requests WHERE {condition}", values)]  # noqa: S608

    def _fetch_all(self, query: str, values: tuple[Any, ...] = ()) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()


def _entry_from(row: sqlite3.Row) -> LedgerEntry:
    values = {field.name: row[field.name] for field in fields(LedgerEntry)}
    return LedgerEntry(**(values | {"applied": bool(values["applied"])}))


def _created_from(row: sqlite3.Row) -> CreatedThing:
    values = {field.name: row[field.name] for field in fields(CreatedThing)}
    read: Callable[[str | None], datetime | None] = lambda text: datetime.fromisoformat(text) if text else None  # noqa: E731
    changes = {
        "participated": bool(row["participated"]),
        "date": read(row["date"]),
        "created_at": read(row["created_at"]),
    }
    return CreatedThing(**(values | changes))
