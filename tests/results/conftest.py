"""An outbox on both databases, with a clock that the test moves."""

from tests.outbox.conftest import box, clock, pg_box

__all__ = ["box", "clock", "pg_box"]
