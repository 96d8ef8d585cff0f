"""Rows as a CRM writes them into `crm_rows`, taken in and written back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text, update

from models import CrmRow, Operation
from tests import factory
from worker.importing import take_in_rows
from worker.outbox.operators.decisions import Decision, Verb, lock_lanes, lock_operations, write_decisions
from worker.outbox.predicates import rows_behind
from worker.results import write_rows_back

if TYPE_CHECKING:
    from sqlalchemy import Row

    from worker.importing import TakenIn
    from worker.outbox import Database

DATA = {"contactId": "ADR0001", "date": "2026-12-11T09:15:00+01:00", "note": "Ring efter lunch"}


def insert(db: Database, **columns: Any) -> int:
    """Insert a row; a comeback of DATA unless the columns say otherwise. Returns its id."""
    with db.write() as connection:
        return factory.make_crm_row(connection, **{"data": DATA, **columns})


def insert_sql(db: Database, columns: str, values: str) -> None:
    """Insert a row by plain SQL, as a program in any language does."""
    with db.write() as connection:
        connection.execute(text(f"INSERT INTO crm_rows ({columns}) VALUES ({values})"))


def take_in_all(db: Database) -> TakenIn:
    """Take in all that is new, and count it together."""
    together = take_in_rows(db)
    while (taken_in := take_in_rows(db)).rows:
        together.rows += taken_in.rows
        together.rejected += taken_in.rejected
        together.lanes |= taken_in.lanes
    return together


def write_all_back(db: Database) -> None:
    """Write back until every row shows how its operation stands."""
    while write_rows_back(db):
        pass


def serve(db: Database) -> None:
    """Take all in, and write all back."""
    take_in_all(db)
    write_all_back(db)


def crm_rows(db: Database) -> list[Row[Any]]:
    """All rows of the table, in the order of their ids."""
    with db.read() as connection:
        return list(connection.execute(select(CrmRow.__table__).order_by(CrmRow.id)))


def crm_row(db: Database, id_: int) -> Row[Any]:
    """One row of the table."""
    with db.read() as connection:
        return connection.execute(select(CrmRow.__table__).where(CrmRow.id == id_)).one()


def change(db: Database, id_: int, **columns: Any) -> None:
    """Change a row, as its owner may."""
    with db.write() as connection:
        connection.execute(update(CrmRow).where(CrmRow.id == id_).values(columns))


def decide(db: Database, verb: Verb) -> None:
    """Let a person decide about every operation that is not in flight."""
    with db.write() as connection:
        ids = connection.scalars(select(Operation.id).where(Operation.claimed_by.is_(None))).all()
        lock_lanes(connection, ids)
        write_decisions(connection, [(status, Decision(verb, "ann")) for status in lock_operations(connection, ids)])


def behind(db: Database) -> list[int]:
    """Operations that their rows do not yet show."""
    with db.read() as connection:
        return list(connection.scalars(select(Operation.id).where(rows_behind)))
