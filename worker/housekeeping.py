"""The chores that keep work moving when a ring or a worker is lost: dispatch, rescue, expire, blank. Twice is harmless."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from worker.clock_watch import ClockWatch, Waits
from worker.outbox import Database
from worker.outbox.exchange import rescue
from worker.outbox.lanes import dependencies, environments, missing_parents, turns
from worker.outbox.upkeep import clock, expiry
from worker.outbox.upkeep.prune import blank_content
from worker.outbox.upkeep.write_back import blank_rejected
from worker.policies import dead_worker_policy, retry_policy
from worker.settings import Settings

MOST_RINGS = 8
"""Rings of one kind in one dispatch: as many turns as can usefully begin before the next."""

Ring = Callable[[Iterable[str]], None]

_clock_watch = ClockWatch()


def watch_clock(db: Database, settings: Settings) -> bool:
    """Look whether the database's clock was set; return whether it may be trusted to end or blank anything."""
    return _clock_watch.look(db, Waits(settings.vitec_timeout + settings.lease_margin, settings.look_up_quiet))


def mend_clock(db: Database, settings: Settings) -> None:
    """Bring back what waits for a moment that was set back, and take the clock as it is for right."""
    clock.mend(db, settings.vitec_timeout + settings.lease_margin, settings.look_up_quiet)


def dispatch(db: Database, ring: Ring) -> dict[str, int]:
    """Ask to ring for each kind with due lanes, once per lane and at most `MOST_RINGS` times; return how often.

    The dispatch is noted only after the broker has taken the rings, so that a dead broker does not look like one.
    """
    rings = {kind: min(count, MOST_RINGS) for kind, count in turns.due_kinds(db).items()}
    # The kinds in turn: rings expire, and with few processes only the first of them are answered.
    ring([kind for n in range(MOST_RINGS) for kind, count in rings.items() if n < count])
    environments.note_dispatch(db)
    return rings


def rescue_abandoned(db: Database, settings: Settings, by: str) -> int:
    """Put operations that dead turns left in flight in doubt, or where twice is harmless send them again; count them."""
    return rescue.rescue_lanes(db, dead_worker_policy(retry_policy(settings)), by)


def expire(
    db: Database, parent_missing_after: timedelta = timedelta(days=1), *, clock_is_trusted: bool = True
) -> dict[str, int]:
    """End waiting operations that will not be sent, release children and wake lanes that were missed; return how many of each.

    While the clock is not trusted nothing is too late, and no parent is missing.
    """
    return {
        "expired": expiry.expire_overdue(db) if clock_is_trusted else 0,
        "orphaned": expiry.fail_orphans(db),
        "freed": dependencies.release_missed(db),
        "woken": turns.wake_missed(db),
        "waiting for a parent that is not there": missing_parents.report_missing(
            db, parent_missing_after.total_seconds()
        )
        if clock_is_trusted
        else 0,
    }


def prune(db: Database, settings: Settings) -> int:
    """Blank the content of operations that ended, and of rows that were rejected, long ago; return how many."""
    older_than = settings.blank_after.total_seconds()
    return blank_content(db, older_than) + blank_rejected(db, older_than)
