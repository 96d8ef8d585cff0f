"""What every statement of the outbox needs: the engine and the clock."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine

from worker.outbox.clock import Clock, SqlClock


@dataclass(frozen=True, slots=True)
class Outbox:
    """A database and the clock that decides in it. Passed first to every function of the package."""

    engine: Engine
    clock: Clock = field(default_factory=SqlClock)

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
