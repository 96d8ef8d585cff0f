"""Entries of the history for operations that moved without an attempt of their own: one for each, at the present moment."""

from collections.abc import Collection
from typing import Any

from sqlalchemy import Insert, insert, literal, select

from models import Attempt, Operation
from worker.outbox.database.sql import current_time


def insert_entries(ids: Collection[int], **values: str) -> Insert:
    """Compose the insertion of an entry for each operation, with its present attempt; `values` are further columns."""
    entry: dict[str, Any] = {
        "operation_id": Operation.id,
        "attempt": Operation.attempt,
        "at": current_time,
        **{name: literal(value, Attempt.__table__.c[name].type) for name, value in values.items()},
    }
    rows = select(*entry.values()).where(Operation.id.in_(ids))
    return insert(Attempt).from_select(list(entry), rows, include_defaults=False)
