"""An office of which everything is real but Vitec: a database, a broker, settings, and the stand-in in a thread."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, select

from models import Attempt, Operation, State
from tests import factory
from tests.processes import until
from worker.outbox.lanes import turns
from worker.sandbox import PASSWORD, USER, Sandbox

if TYPE_CHECKING:
    from pathlib import Path

    import redis

    from worker.outbox import Database

KINDS = tuple(kind for kind in factory.PAYLOADS if kind != "viewing_cancellation")
"""The kinds that need nothing at Vitec before them: a contact can only be taken off a list who is on it."""


@dataclass(frozen=True, slots=True)
class Office:
    """Holds the folder and the settings of its processes, and counts their work."""

    folder: Path
    settings: dict[str, str]
    db: Database
    broker: redis.Redis
    sandbox: Sandbox

    def record(self, count: int, *, customers: int = 3, **overrides: Any) -> list[int]:
        """Record so many operations of all kinds in turn, as an import would, without ringing. Returns their ids."""
        made, keys = [], set()
        with self.db.write() as connection:
            for number in range(count):
                kind = overrides.get("kind", KINDS[number % len(KINDS)])
                customer_id = f"M3000{number % customers}"
                row = {"kind": kind, "customer_id": customer_id, **overrides}
                made.append(factory.make_operation(connection, at=datetime.now(UTC), **row))
                keys.add((customer_id, kind))
        turns.wake_lanes(self.db, keys)
        return made

    def states(self) -> Counter[State]:
        """Count the operations in each state."""
        with self.db.read() as connection:
            rows = connection.execute(select(Operation.state, func.count()).group_by(Operation.state)).all()
        return Counter(dict(rows))

    def attempts(self) -> int:
        """How many entries the history has."""
        with self.db.read() as connection:
            return connection.execute(select(func.count()).select_from(Attempt)).scalar_one()

    def all_succeed(self, count: int, *, seconds: float = 40) -> None:
        """Wait until so many operations have succeeded and there are no others."""
        until(lambda: self.states() == {State.SUCCEEDED: count}, seconds=seconds, why=f"still {self.states()}")

    def sent(self) -> Counter[int]:
        """How often the stand-in carried out each operation, by the id that its requests name."""
        entries = self.sandbox.ledger.applied()
        return Counter(int((entry.request_id or "0").partition(".")[0]) for entry in entries)


def environment_of(folder: Path, database_url: str, broker_url: str, base_url: str) -> dict[str, str]:
    """Give settings with which work is quick and everything stays on this machine."""
    return {
        "STATE_DIR": str(folder),
        "DATABASE_URL": database_url,
        "BROKER_URL": broker_url,
        "VITEC_BASE_URL": base_url,
        "VITEC_USERNAME": USER,
        "VITEC_PASSWORD": PASSWORD,
        "VITEC_REQUESTS_PER_SECOND": "500",
        "VITEC_IN_FLIGHT": "10",
        "VITEC_TIMEOUT": "5",
        "DISPATCH_EVERY": "1",
        "HOUSEKEEPING_EVERY": "1",
    }
