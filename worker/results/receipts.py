"""What has been written is remembered on disk, however much it is, so that it can be marked as told afterwards."""

import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Final, Self

from models import State
from worker.outbox import Database
from worker.outbox.upkeep import reported
from worker.outbox.upkeep.reported import ReportedState

_STATES: Final = tuple(State)


@dataclass(frozen=True, slots=True)
class Written:
    """How many were written."""

    operations: int
    rejected: int


class Receipts:
    """One run's receipts."""

    _OPERATION: Final = struct.Struct("<qiB")
    _REJECTED: Final = struct.Struct("<q")

    def __init__(self) -> None:
        self._operations: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed by the with of the caller)
        self._rejected: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (as above)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._operations.close()
        self._rejected.close()

    def add_operation(self, told: ReportedState) -> None:
        self._operations.write(self._OPERATION.pack(told.id, told.attempt, _STATES.index(told.state)))

    def add_rejected(self, id_: int) -> None:
        self._rejected.write(self._REJECTED.pack(id_))

    @property
    def written(self) -> Written:
        return Written(self._operations.tell() // self._OPERATION.size, self._rejected.tell() // self._REJECTED.size)

    def mark(self, db: Database) -> Written:
        """Mark everything as told, and say how much was written."""
        written = self.written
        told = (
            ReportedState(id_, attempt, _STATES[state])
            for id_, attempt, state in _read(self._operations, self._OPERATION)
        )
        reported.mark_operations_reported(db, told)
        reported.mark_rejections_reported(db, (id_ for (id_,) in _read(self._rejected, self._REJECTED)))
        return written


def _read(file: IO[bytes], each: struct.Struct) -> Iterator[tuple[int, ...]]:
    file.seek(0)
    while record := file.read(each.size):
        yield each.unpack(record)
