"""A CRM in Python with plain psycopg: the comeback is booked and handed to the worker in one transaction."""

from __future__ import annotations

import json
import sys

import psycopg

INSERT = "INSERT INTO crm_rows (kind, source_id, customer_id, data) VALUES (%s, %s, %s, %s) RETURNING id"


def book_comeback(connection: psycopg.Connection, number: str, customer: str, contact: str, when: str) -> int:
    """Book a comeback in the CRM, and hand it to the worker. Neither happens without the other."""
    with connection.transaction():
        # The CRM's own tables are written here, too: INSERT INTO comebacks ...
        data = {"contactId": contact, "date": when, "note": "Ring efter lunch"}
        ((row_id,),) = connection.execute(INSERT, ("comeback", number, customer, json.dumps(data))).fetchall()
    return int(row_id)


def read_outcome(connection: psycopg.Connection, row_id: int) -> tuple[str, str | None, str | None]:
    """Read how it stands: state, Vitec's id, and what is wrong."""
    query = "SELECT state, remote_id, error_text FROM crm_rows WHERE id = %s"
    ((state, remote_id, error_text),) = connection.execute(query, (row_id,)).fetchall()
    return state, remote_id, error_text


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as connected:
        new_row = book_comeback(connected, "UPP-4711", "M30001", "ADR0001", "2027-03-02T09:15:00+01:00")
        print(new_row, *read_outcome(connected, new_row))
