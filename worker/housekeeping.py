"""The chores that keep work moving whatever was lost: dispatch, rescue, expire, prune. Twice is harmless."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from worker.outbox import Outbox
from worker.outbox.exchange import rescue
from worker.outbox.lanes import dependencies as parents
from worker.outbox.lanes import environments
from worker.outbox.lanes import missing_parents as lost_parents
from worker.outbox.lanes import turns as lanes
from worker.outbox.upkeep import expiry
from worker.outbox.upkeep.prune import prune as prune_outbox
from worker.policies import policy_of, verdict_of
from worker.settings import Settings

MOST_RINGS = 8
"""Rings of one kind in one dispatch: as many turns as can usefully begin before the next."""

Ring = Callable[[Iterable[str]], None]


def dispatch(box: Outbox, ring: Ring) -> dict[str, int]:
    """Ask to ring for each kind with due lanes, once per lane and at most `MOST_RINGS` times; return how often.

    It is noted only after the rings have been taken, so that a dead broker does not look like a dispatch.
    """
    rings = {kind: min(count, MOST_RINGS) for kind, count in lanes.due_kinds(box).items()}
    # In turn: rings expire, and with few processes only the first of them are heard.
    ring([kind for n in range(MOST_RINGS) for kind, count in rings.items() if n < count])
    environments.dispatched(box)
    return rings


def rescue_abandoned(box: Outbox, settings: Settings, by: str) -> int:
    """Put in doubt, or where twice is harmless send again, what dead turns left in flight; return how many rows."""
    return rescue.rescue(box, verdict_of(policy_of(settings)), by)


def expire(box: Outbox, parent_missing_after: timedelta = timedelta(days=1)) -> dict[str, int]:
    """End what waits in vain; tell children of a success that they missed, and lanes of rows; return how many of each."""
    return {
        "expired": expiry.expire(box),
        "orphaned": expiry.orphan(box),
        "freed": parents.correct(box),
        "woken": lanes.correct(box),
        "waiting for a parent that is not there": lost_parents.tell(box, parent_missing_after.total_seconds()),
    }


def prune(box: Outbox, settings: Settings) -> int:
    """Blank the content of operations that ended long ago; return how many."""
    return prune_outbox(box, settings.blank_after.total_seconds())
