"""A destination of results, and the writer that has the turn at it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from worker.codes.language import Language
from worker.outbox import Database
from worker.outbox.upkeep import sinks
from worker.outbox.upkeep.result_batches import Batch, read_batch
from worker.outbox.upkeep.sinks import SinkLost, SinkTurn
from worker.results.config import ResultsConfig
from worker.results.naming import CrmNames
from worker.results.writing import operation_values, rejection_values

LEASE: Final = 120.0
"""Seconds for which a writer has a sink, unless it renews its lease. If it dies, the next one waits as long."""

_RENEWED_AFTER, _USED_UP = 0.25, 0.75
"""The parts of a lease after which it is renewed, and after which nothing irrevocable begins."""


class SinkFailed(Exception):  # noqa: N818 (a fact)
    """A batch has not arrived, or may not have. The text has the cause and the cure, and no value of a row."""


@dataclass(frozen=True, slots=True)
class Destination:
    """The place to which the results of one feed go, or of every feed without one of its own."""

    sink: str
    """Its name in the database: the feed's, or `EVERY_FEED`."""
    stem: str
    """The beginning of the names of its batches, and so of its files."""
    config: ResultsConfig
    feed: str | None = None
    """None: of every feed but those in `without`."""
    without: frozenset[str] = frozenset()
    names: CrmNames | None = field(default=None, repr=False)
    """The CRM's own names; None: ours."""
    variable: Callable[[str], str | None] = field(default=os.environ.get, repr=False)
    """Gives a variable of the environment, such as a secret."""
    language: Language = Language.ENGLISH
    """The language of what is said about codes."""

    def name_batch(self, number: int) -> str:
        """Name a batch as the CRM knows it: `crm-000123`."""
        return f"{self.stem}-{number:06d}"


@dataclass(slots=True)
class Writer:
    """The writer that has the turn at a sink. It reads and sends batches for as long as its lease lasts."""

    db: Database
    turn: SinkTurn
    destination: Destination
    lease: float
    _renewed_at: float = field(default_factory=time.monotonic)

    def keep(self) -> None:
        """Renew the lease where a part of it has passed. Raises SinkLost."""
        if time.monotonic() - self._renewed_at > self.lease * _RENEWED_AFTER:
            began = time.monotonic()
            sinks.renew_sink(self.db, self.turn, lease=self.lease)
            self._renewed_at = began

    def check(self) -> None:
        """Raise SinkLost where the lease is too old to begin what cannot be taken back: the process may have stood still."""
        if time.monotonic() - self._renewed_at > self.lease * _USED_UP:
            raise SinkLost(self.turn.sink)

    def read(self, batch: Batch) -> Iterator[Mapping[str, Any]]:
        """Read the rows of the batch that still tell the same, as values by our columns."""
        for row in read_batch(self.db, batch):
            self.keep()
            as_values = operation_values if "state" in row._fields else rejection_values
            yield as_values(row, self.destination.language)
