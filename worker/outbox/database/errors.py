"""Transactions that are run again: after losing to another one, or while the database is unavailable.

A transaction that lost has been rolled back, surely. If the database went away, it may have been committed: its caller
must allow for both.
"""

import sqlite3
import time
from collections.abc import Callable
from typing import Any, TypeVar

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_random,
    wait_random_exponential,
)

T = TypeVar("T")

log = structlog.get_logger(__name__)

# Serialization failure, deadlock, lock not available.
_LOST = frozenset({"40001", "40P01", "55P03"})
TRIES = 6


def is_conflict(error: BaseException) -> bool:
    """Whether the database gave the transaction up for another one's sake, and rolled it back."""
    if not isinstance(error, OperationalError):
        return False
    return getattr(error.orig, "sqlstate", None) in _LOST or "database is locked" in str(error.orig)


def retry_on_conflict(transaction: Callable[[], T], *, sleep: Callable[[float], None] = time.sleep) -> T:
    """Do a whole transaction, and again after a moment if it lost against another one."""
    retrying = Retrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(TRIES),
        wait=wait_random(0.02, 0.3),
        sleep=sleep,
        reraise=True,
    )
    return retrying(transaction)


def is_database_unavailable(error: BaseException) -> bool:
    """Whether the database could not be reached or could not answer in time, as against: refused a value."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        # SQLite reports malformed input by the same class as a lock: repeated, it would be refused for ever.
        return False
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and bool(error.connection_invalidated)


def is_value_refused(error: BaseException) -> bool:
    """Whether the database refused a value, as against: our own code failed, or its SQL is wrong."""
    return isinstance(error, DBAPIError) and not isinstance(error, ProgrammingError)


def retry_until_available() -> Retrying:
    """Try for as long as the database is away."""
    return Retrying(
        retry=retry_if_exception(is_database_unavailable),
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
        before_sleep=_log_unavailable,
        reraise=True,
    )


def _log_unavailable(state: RetryCallState) -> None:
    if state.attempt_number > 1:
        return
    error: Any = state.outcome.exception() if state.outcome else None
    log.warning("database_away", error=type(error).__name__)
