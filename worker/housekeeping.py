"""The chores that keep work moving whatever was lost: dispatch, rescue, expire, prune. Twice is harmless."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.outbox.lanes import dependencies, environments, missing_parents, turns
from worker.outbox.upkeep import expiry
from worker.outbox.upkeep.prune import prune_content as prune_outbox
from worker.policies import dead_worker_policy, retry_policy
from worker.settings import Settings

MOST_RINGS = 8
"""Rings of one kind in one dispatch: as many turns as can usefully begin before the next."""

Ring = Callable[[Iterable[str]], None]


def dispatch(db: Database, ring: Ring) -> dict[str, int]:
    """Ask to ring for each kind with due lanes, once per lane and at most `MOST_RINGS` times; return how often.

    It is noted only after the rings have been taken, so that a dead broker does not look like a dispatch.
    """
    rings = {kind: min(count, MOST_RINGS) for kind, count in turns.due_kinds(db).items()}
    # In turn: rings expire, and with few processes only the first of them are heard.
    ring([kind for n in range(MOST_RINGS) for kind, count in rings.items() if n < count])
    environments.note_dispatch(db)
    return rings


def rescue_abandoned(db: Database, settings: Settings, by: str) -> int:
    """Put in doubt, or where twice is harmless send again, what dead turns left in flight; return how many rows."""
    return rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), by)


def expire(db: Database, parent_missing_after: timedelta = timedelta(days=1)) -> dict[str, int]:
    """End what waits in vain; tell children of a success that they missed, and lanes of rows; return how many of each."""
    return {
        "expired": expiry.expire_overdue(db),
        "orphaned": expiry.fail_orphans(db),
        "freed": dependencies.release_missed(db),
        "woken": turns.wake_missed(db),
        "waiting for a parent that is not there": missing_parents.report_missing(
            db, parent_missing_after.total_seconds()
        ),
    }


def prune(db: Database, settings: Settings) -> int:
    """Blank the content of operations that ended long ago; return how many."""
    return prune_outbox(db, settings.blank_after.total_seconds())
