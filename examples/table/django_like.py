"""A CRM with an ORM of its own, such as Django: the outbox is one more INSERT in `transaction.atomic()`.

In Django `connection` is `django.db.connections["vitec"]`, or the default one if both live in one database; its cursor is
the same as here. A receiver of `post_save` runs inside the transaction of the save, so a rollback takes the row along.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager


class Cursor(Protocol):
    """A cursor of the DB-API."""

    def execute(self, query: Any, params: Sequence[Any] | None = None, /) -> Any:
        """Run a statement."""


class DatabaseConnection(Protocol):
    """Anything that gives a cursor of the DB-API."""

    def cursor(self) -> AbstractContextManager[Any]:
        """Open a cursor."""


def hand_to_worker(connection: DatabaseConnection, kind: str, source_id: str, customer_id: str, **data: Any) -> None:
    """Hand one thing to the worker, in whatever transaction is open."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO crm_rows (kind, source_id, customer_id, data) VALUES (%s, %s, %s, %s)",
            [kind, source_id, customer_id, json.dumps(data, default=str)],
        )


def after_save(connection: DatabaseConnection, instance: Any) -> None:
    """Do so for each comeback that is saved: what a receiver of `post_save` would do."""
    data = {"contactId": instance.contact_id, "date": instance.when, "note": instance.note}
    hand_to_worker(connection, "comeback", f"UPP-{instance.id}", instance.customer_id, **data)
