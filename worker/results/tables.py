"""A batch goes into a table of the CRM's own database: in one transaction, each row inserted, or updated by its key.

A rejected row with an id changes the words about the row, and leaves the remote id and the other facts of an earlier success.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import structlog
from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Date,
    DateTime,
    Engine,
    Integer,
    MetaData,
    NullPool,
    String,
    Table,
    Text,
    UniqueConstraint,
    create_engine,
    inspect,
    make_url,
)
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError
from sqlalchemy.types import TypeEngine

from worker.outbox.database.faults import describe_fault
from worker.outbox.upkeep.result_batches import Batch
from worker.results.config import KEY, ResultsConfig
from worker.results.naming import CrmNames, choose_columns, make_translator
from worker.results.secrets import read_secret
from worker.results.sinks import Destination, SinkFailed, Writer
from worker.results.writing import COLUMNS, TIMES, dump_json
from worker.stockholm import STOCKHOLM

log = structlog.get_logger(__name__)

_TYPES: Final[Mapping[str, TypeEngine[Any]]] = {
    "source_id": String(200),
    "feed": String(64),
    "kind": String(40),
    "attempts": Integer(),
    "line": Integer(),
    **dict.fromkeys(TIMES, DateTime(timezone=True)),
}
_PLACE: Final = ("feed", "file", "line")
"""By these a rejected row without an id is recognised."""

_WORDS: Final = frozenset({"error_code", "error_text", "remedy", "error_detail", "file", "line", "column"})
"""The columns that a rejected row sets even to nothing."""

_LINKS: Final[Mapping[str, dict[str, Any]]] = {
    "postgresql": {
        "connect_timeout": 5,
        "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=60s",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 20_000,
    },
    "sqlite": {"timeout": 5.0},
    "mysql": {"connect_timeout": 5},
    "mariadb": {"connect_timeout": 5},
}


def deliver(writer: Writer, batch: Batch) -> Batch:
    """Put the batch into the table. Raises SinkFailed, and SinkLost."""
    destination, config = writer.destination, writer.destination.config
    translate = make_translator(destination.names)
    # Read first: the CRM's table may lie in the same database, and one SQLite file has one writer.
    rows = [(values, translate(values)) for values in writer.read(batch)]
    engine = _make_engine(destination)
    without_place = 0
    try:
        with _telling_faults(config), engine.begin() as connection:
            target = _find_table(connection, config, destination.names)
            writer.check()
            for values, translated in rows:
                without_place += not target.put(connection, values["part"] == "rejected", translated)
    finally:
        engine.dispose()
    if without_place:
        log.warning("results_without_place", sink=destination.stem, rejected=without_place)
    return batch


@dataclass(frozen=True, slots=True)
class _Target:
    """The CRM's table, and its columns by the names of ours."""

    table: Table
    columns: Mapping[str, Column[Any]]

    def put(self, connection: Connection, is_rejected: bool, row: Mapping[str, Any]) -> bool:
        """Insert the row, or update the one with its key; False if it has none by which it could ever be found again."""
        key = [name for name in KEY if name in self.columns]
        if any(row[name] is None for name in key):
            key = [name for name in _PLACE if name in self.columns]
            if len(key) < len(_PLACE) or not self.columns["source_id"].nullable:
                return False
            key.append("source_id")
        values = {column.name: _fit(row[name], column.type) for name, column in self.columns.items()}
        kept = {
            column.name
            for name, column in self.columns.items()
            if name in key or (is_rejected and row[name] is None and name not in _WORDS)
        }
        wheres = [self.columns[name] == values[self.columns[name].name] for name in key]
        changes = {name: value for name, value in values.items() if name not in kept}
        if not changes or not connection.execute(self.table.update().where(*wheres).values(changes)).rowcount:
            connection.execute(self.table.insert().values(values))
        return True


def _find_table(connection: Connection, config: ResultsConfig, names: CrmNames | None) -> _Target:
    """Find the table, or make it if the configuration says so."""
    wanted = config.columns or (choose_columns(names, COLUMNS) if names else {column: column for column in COLUMNS})
    if "source_id" not in wanted:
        raise SinkFailed("The mapping names no column for source_id, by which a row of the table is found: add it.")
    schema, _, name = str(config.table).rpartition(".")
    if config.create and not inspect(connection).has_table(name, schema=schema or None):
        columns = [Column(theirs, _TYPES.get(ours, Text())) for ours, theirs in wanted.items()]
        key = UniqueConstraint(*(wanted[column] for column in KEY if column in wanted))
        Table(name, MetaData(), *columns, key, schema=schema or None).create(connection)
    table = Table(name, MetaData(), schema=schema or None, autoload_with=connection, resolve_fks=False)
    # An exact name goes before one in other letters.
    by_name = {column.name.casefold(): column for column in table.columns}
    found_columns = {ours: table.columns.get(theirs, by_name.get(theirs.casefold())) for ours, theirs in wanted.items()}
    present = {ours: column for ours, column in found_columns.items() if column is not None}
    if len(present) < len(found_columns):
        missing = next(theirs for ours, theirs in wanted.items() if ours not in present)
        raise SinkFailed(
            f"The table {config.table} has no column {missing}: add it, or name the columns in feeds.toml."
        )
    return _Target(table, present)


def _fit(value: Any, kind: TypeEngine[Any]) -> Any:
    """Give a value in the form in which a column of this type takes it."""
    if value is None or isinstance(kind, JSON):
        return value
    if isinstance(kind, DateTime | Date):
        moment = datetime.fromisoformat(value)
        if isinstance(kind, Date):
            return moment.date()
        return moment if kind.timezone else moment.astimezone(STOCKHOLM).replace(tzinfo=None)
    if isinstance(kind, Integer):
        return int(value) if str(value).isdecimal() else value
    text = value if isinstance(value, str) else dump_json(value)
    length = kind.length if isinstance(kind, String) else None
    return text if length is None or len(text) <= length else f"{text[: max(length - 1, 0)]}…"


def _make_engine(destination: Destination) -> Engine:
    config = destination.config
    address = read_secret(config.database_url_file, config.database_url_env, destination.variable)
    place = config.database_url_file or config.database_url_env
    try:
        url = make_url(address)
        backend = url.get_backend_name()
        if backend == "postgresql" and url.drivername == "postgresql":
            url = url.set(drivername="postgresql+psycopg")
        if backend == "sqlite" and not (url.database and Path(url.database).is_file()):
            raise SinkFailed(f"The CRM's database, an SQLite file by {place}, is not there: correct the address.")
        return create_engine(url, poolclass=NullPool, hide_parameters=True, connect_args=_LINKS.get(backend, {}))
    except (NoSuchModuleError, ImportError) as error:
        driver = f" ({error.name})" if isinstance(error, ImportError) and error.name else ""
        raise SinkFailed(f"The driver of the database in {place}{driver} is not installed: pip install it.") from None
    except (ArgumentError, ValueError):
        raise SinkFailed(f"{place} holds no address of a database (dialect://user:password@host/name).") from None


@contextmanager
def _telling_faults(config: ResultsConfig) -> Iterator[None]:
    """Make of the errors of the CRM's database one line, which quotes nothing of a row."""
    table = config.table
    try:
        yield
    except NoSuchTableError:
        raise SinkFailed(f"The CRM's database has no table {table}: make it, or say create = true.") from None
    except SQLAlchemyError as error:
        cause = (describe_fault(error) or "").partition(": ")[0]
        if not cause and isinstance(error, DBAPIError) and error.connection_invalidated:
            cause = "the connection was cut"
        if not cause:
            code = getattr(getattr(error, "orig", None), "sqlstate", None)
            cause = f"it refuses a statement ({type(error).__name__}{f', {code}' if code else ''})"
        raise SinkFailed(f"The CRM's database has not taken the results into {table}: {cause}.") from None
