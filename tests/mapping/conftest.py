"""An outbox on both databases, with a clock that the test moves."""

from tests.outbox.conftest import clock, db, pg_db

__all__ = ["clock", "db", "pg_db"]
