"""When the database is away, or refuses a value: what is waited out, and what is written in place of the value."""

import sqlite3
from dataclasses import replace
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from tenacity import RetryCallState, Retrying, retry_if_exception, wait_random_exponential

from models import State
from worker.decide import Settlement
from worker.kind import LookUpResult, Presence
from worker.outbox.exchange.look_ups import FinishedLookUp
from worker.outbox.exchange.settle import Finished

log = structlog.get_logger(__name__)


def is_database_unavailable(error: BaseException) -> bool:
    """Whether the database could not be reached or could not answer in time, as against: refused a value."""
    if isinstance(error, DBAPIError) and getattr(error.orig, "sqlite_errorcode", None) == sqlite3.SQLITE_ERROR:
        # SQLite reports malformed input by the same class as a lock: repeated, it would be refused for ever.
        return False
    if isinstance(error, OperationalError | InterfaceError | PoolTimeout):
        return True
    return isinstance(error, DBAPIError) and bool(error.connection_invalidated)


def retry_until_available() -> Retrying:
    """Try for as long as the database is away."""
    return Retrying(
        retry=retry_if_exception(is_database_unavailable),
        wait=wait_random_exponential(multiplier=0.05, max=2.0),
        before_sleep=_say_away,
        reraise=True,
    )


def _say_away(state: RetryCallState) -> None:
    error: Any = state.outcome.exception() if state.outcome else None
    log.warning("database_away", error=type(error).__name__, tries=state.attempt_number)


def as_unwritable(one: Finished) -> Finished:
    what = one.settlement
    accepted = what.accepted or what.attempt_state is State.SUCCEEDED
    plain = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unwritable", accepted=accepted, needs_person=True)
    return replace(one, settlement=plain)


def as_unclear(one: FinishedLookUp) -> FinishedLookUp:
    """The look-up whose answer the database refused (an id that another row has): it counts, and a person will see."""
    sighting = LookUpResult(Presence.UNCLEAR, "what was found could not be written beside what is known")
    return replace(one, sighting=sighting, answered=True)
