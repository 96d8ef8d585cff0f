"""Rows of the table that a CRM fills: read, and marked with what became of them, in the transaction that records it.

One process at a time takes rows in, in their order: else the older of two contents of one id could come last.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    insert,
    literal_column,
    null,
    select,
    true,
    update,
)

from models import CrmRow, Operation, State
from models.crm_row import NEW, NEW_ROWS_SQL, REJECTED
from worker.outbox.database.database import Database
from worker.outbox.database.sql import (
    as_ids_parameter,
    as_json_parameter,
    cached_statement,
    current_time,
    json_table,
    with_ids,
)
from worker.outbox.revisions.withdrawn import withdrawn_hash

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

BATCH: Final = 500
"""Rows of one transaction, at most."""

LONGEST_DATA: Final = 1024 * 1024
"""Bytes of a row's data. Longer data is not read."""

BATCH_DATA: Final = 4 * LONGEST_DATA
"""Bytes of data of one transaction, but for its last row."""

# Any number will do, as long as no other program in this database uses it.
_INTAKE_LOCK: Final = 8_243_014_378

OperationKey = tuple[str, str, str]
"""(feed, kind, source_id)"""


class NewRow(NamedTuple):
    """A row that is to be taken in. A text that is none (SQLite takes any bytes) holds halves of surrogate pairs."""

    id: int
    feed: str | None
    kind: str | None
    source_id: str | None
    customer_id: str | None
    after: str | None
    send_after: str | None
    expires_at: str | None
    data: str | None
    length: int
    """Bytes of its data. Where there are too many, `data` is None."""
    operation_id: int | None
    """The operation that a program has recorded in the transaction that wrote the row; or that it had before."""
    content_hash: str | None
    state: str


class TakenRow(NamedTuple):
    """A row, and what became of it: an operation, or a rejection. Field names are columns."""

    id: int
    state: str = REJECTED
    operation_id: int | None = None
    content_hash: str | None = None
    error_code: str | None = None
    error_text: str | None = None


_is_new: ColumnElement[bool] = literal_column(NEW_ROWS_SQL.format(row="crm_rows."))
_ANY_NEW = select(select(CrmRow.id).where(_is_new).exists())


def any_new(db: Database) -> bool:
    """Tell whether any row is to be taken in."""
    with db.read() as connection:
        return bool(connection.scalar(_ANY_NEW))


def begin_intake(connection: Connection) -> bool:
    """Let no other process take rows in until this transaction ends. False: another one is at it."""
    if connection.dialect.name != "postgresql":
        return True
    return bool(connection.scalar(select(func.pg_try_advisory_xact_lock(_INTAKE_LOCK))))


def lock_new_rows(connection: Connection, limit: int) -> list[int]:
    """Lock new rows, in their order, as many as may be read together. A row that the CRM is changing is passed over."""
    ids, together = [], 0
    for row in connection.execute(_lengths(connection.dialect.name).limit(limit)):
        if together > BATCH_DATA:
            break
        ids.append(row.id)
        together += min(row.length, LONGEST_DATA)
    return ids


def read_new_rows(connection: Connection, limit: int) -> list[NewRow]:
    """Lock new rows, and read them."""
    ids = lock_new_rows(connection, limit)
    if not ids:
        return []
    rows = connection.execute(_contents(connection.dialect.name), {"ids": ids}).all()
    return [NewRow(*map(_decode, row)) for row in rows]


def _length(dialect: str) -> ColumnElement[int]:
    # SQLite counts the characters of a text up to its first NUL.
    length: Any = func.octet_length if dialect == "postgresql" else func.length
    measured = CrmRow.data if dialect == "postgresql" else cast(CrmRow.data, LargeBinary)
    return func.coalesce(length(measured), 0, type_=Integer)


@cached_statement
def _lengths(dialect: str) -> Any:
    columns = select(CrmRow.id, _length(dialect).label("length")).where(_is_new).order_by(CrmRow.id)
    return columns.with_for_update(skip_locked=True)


_STANDING = (CrmRow.content_hash, CrmRow.state)


@cached_statement
def _contents(dialect: str) -> Any:
    as_text: Any = Text if dialect == "postgresql" else LargeBinary
    short = case((_length(dialect) <= LONGEST_DATA, cast(CrmRow.data, as_text)), else_=null())
    texts = (
        CrmRow.feed,
        CrmRow.kind,
        CrmRow.source_id,
        CrmRow.customer_id,
        CrmRow.after,
        CrmRow.send_after,
        CrmRow.expires_at,
    )
    columns = (*(cast(column, as_text) for column in texts), short, _length(dialect), CrmRow.operation_id, *_STANDING)
    picked = CrmRow.id.in_(bindparam("ids", expanding=True))
    return select(CrmRow.id, *columns).where(picked, _is_new).order_by(CrmRow.id)


def _decode(value: Any) -> Any:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else value


def lock_operations(connection: Connection, keys: Iterable[OperationKey]) -> dict[OperationKey, tuple[int, State]]:
    """Lock the operations of these keys, in the order of their ids as everywhere, and tell id and state of each."""
    names = ("feed", "kind", "source_id")
    documents = as_json_parameter(dict(zip(names, key, strict=True)) for key in set(keys))
    ids = [id_ for id_ in connection.scalars(_ids_of_keys(connection.dialect.name), documents) if id_ is not None]
    if not ids:
        return {}
    columns = (Operation.id, Operation.feed, Operation.kind, Operation.source_id, Operation.state)
    locked = select(*columns).where(Operation.id.in_(ids)).order_by(Operation.id).with_for_update(key_share=True)
    return {(row.feed, row.kind, row.source_id): (row.id, row.state) for row in connection.execute(locked)}


@cached_statement
def _ids_of_keys(dialect: str) -> Any:
    keys = json_table(dialect, "keys", {"feed": Text(), "kind": Text(), "source_id": Text()})
    has_key = and_(
        Operation.feed == keys.c.feed, Operation.kind == keys.c.kind, Operation.source_id == keys.c.source_id
    )
    # By the unique key, for each row: a join would be planned as a scan of all operations.
    return select(select(Operation.id).where(has_key).correlate(keys).scalar_subquery()).select_from(keys)


def mark_taken(connection: Connection, rows: Sequence[TakenRow]) -> None:
    """Write what became of the rows, which are locked. The data of a row that was taken in goes: its operation has it."""
    documents = as_json_parameter(
        {name: value for name, value in row._asdict().items() if value is not None} for row in rows
    )
    connection.execute(
        _mark(connection.dialect.name), {**documents, **as_ids_parameter(sorted(row.id for row in rows))}
    )


@cached_statement
def _mark(dialect: str) -> Any:
    columns: dict[str, TypeEngine[Any]] = {
        "id": BigInteger(),
        "state": Text(),
        "operation_id": BigInteger(),
        "content_hash": Text(),
        "error_code": Text(),
        "error_text": Text(),
    }
    taken = json_table(dialect, "taken", columns).c
    values: Mapping[str, Any] = {
        **{name: taken[name] for name in TakenRow._fields if name != "id"},
        "data": case((taken.state == REJECTED, CrmRow.data)),
        "taken_at": current_time,
        "updated_at": current_time,
        **dict.fromkeys(("remote_id", "ticket", "error_detail", "sent_at", "ended_at"), null()),
    }
    return (
        update(CrmRow)
        .where(with_ids(dialect, CrmRow.id), CrmRow.id == taken.id, _is_new)
        .values(values)
        .execution_options(synchronize_session=False)
    )


def show_in_rows(connection: Connection, ids: Iterable[int]) -> None:
    """Have rows of the table show from now on how these operations stand, which are locked."""
    ordered = sorted(set(ids))
    if ordered:
        connection.execute(
            update(Operation)
            .where(Operation.id.in_(ordered))
            .values(rows_behind=true())
            .execution_options(synchronize_session=False)
        )


def read_withdrawn_hash(connection: Connection, operation_id: int) -> str:
    """Read the hash by which a withdrawal of the operation is known, from its content as it stands or is to be."""
    stored = connection.scalar(select(Operation.payload_hash).where(Operation.id == operation_id))
    return withdrawn_hash(stored or "")


def announce(connection: Connection, key: OperationKey, customer_id: str, operation_id: int, content_hash: str) -> None:
    """Add a row for an operation that is recorded in this transaction: once it is committed a worker wakes its lane."""
    feed, kind, source_id = key
    values = {"feed": feed, "kind": kind, "source_id": source_id, "customer_id": customer_id, "state": NEW}
    connection.execute(insert(CrmRow).values(**values, operation_id=operation_id, content_hash=content_hash))
