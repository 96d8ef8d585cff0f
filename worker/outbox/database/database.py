"""What every statement of the outbox needs: the engine, the clock, and the hours in which it may send."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, select

from worker.outbox.database.clock import Clock, SqlClock
from worker.outbox.database.sending_hours import SendingHours


@dataclass(frozen=True, slots=True)
class Database:
    """A database and the clock that decides in it. Passed first to every function of the package."""

    engine: Engine
    clock: Clock = field(default_factory=SqlClock)
    hours: SendingHours = field(default_factory=SendingHours)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may write. On SQLite it takes the writer's lock at once."""
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One transaction that only reads, and holds nobody up."""
        with self.engine.connect() as plain:
            connection = plain.execution_options(sqlite_begin="DEFERRED")
            with connection.begin():
                yield connection

    def closed_kinds(self, connection: Connection) -> frozenset[str]:
        """The kinds that must not be sent now, by the database's clock. Costs nothing where no hours are set."""
        if not self.hours.windows:
            return frozenset()
        return self.hours.closed_kinds(connection.execute(select(self.clock.now())).scalar_one())
