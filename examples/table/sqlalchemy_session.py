"""A CRM in Python that has vitec-sync installed: `enqueue` inside a session's own transaction."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from worker.importing import enqueue
from worker.kind import BadCells
from worker.results import outcome_of


def book_comeback(session: Session, number: str, contact: str, when: datetime) -> str:
    """Book a comeback; the session's commit or rollback decides about it. Returns what the worker makes of it."""
    # session.add(Comeback(...)): the CRM's own rows belong to the same transaction.
    try:
        enqueued = enqueue(
            session,
            kind="comeback",
            source_id=number,
            customer_id="M30001",
            contact_id=contact,
            date=when,
            note="Ring efter lunch",
        )
    except BadCells as bad:
        return f"not taken: {bad}"
    return enqueued.result.value


if __name__ == "__main__":
    with Session(create_engine(sys.argv[1])) as office, office.begin():
        moment = datetime(2027, 3, 2, 8, 15, tzinfo=UTC)
        print(book_comeback(office, "UPP-4711", "ADR0001", moment))
        print(outcome_of(office, "comeback", "UPP-4711"))
