"""Transactions that lost against another one are done once more: surely nothing of them was kept."""

import time
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_random

T = TypeVar("T")

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
    trying = Retrying(
        retry=retry_if_exception(is_conflict),
        stop=stop_after_attempt(TRIES),
        wait=wait_random(0.02, 0.3),
        sleep=sleep,
        reraise=True,
    )
    return trying(transaction)
