"""Delivery: a ring is answered by taking one turn at the due lane that has waited longest."""

import os
import socket
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from worker.delivery.dead_mans_switch import ClockReading, DeadMansSwitch
from worker.delivery.rate_limiter import RateLimiter
from worker.delivery.report import TurnReport
from worker.delivery.sending import Sender, SendPool
from worker.delivery.turn import TurnLoop, TurnTimes
from worker.kinds import KINDS
from worker.outbox.database.database import Database
from worker.outbox.database.errors import is_database_unavailable
from worker.outbox.exchange import rescue
from worker.outbox.lanes import turns
from worker.policies import dead_worker_policy, retry_policy, turn_policy
from worker.settings import Settings

__all__ = ["TurnReport", "serve", "this_worker"]


def this_worker() -> str:
    """This process, as it signs leases and attempts: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def serve(
    kind: str, *, db: Database, client: Sender, settings: Settings, stopping: Callable[[], bool], by: str | None = None
) -> TurnReport:
    """Serve the due lane of this kind that has waited longest, for one turn; nothing due costs one empty SELECT.

    Returns only when no thread of the turn can write any more. Must run in the process's main thread, with SIGALRM's
    action being the default one (`switch.make_deadly`).
    """
    report = TurnReport(kind)
    if stopping():
        report.ended = "a stop was asked"
        return report
    signed = by or this_worker()
    reading = ClockReading.now()
    turn = turns.take_turn(db, kind, lease=settings.lease, worker=signed, at_most=settings.vitec_in_flight)
    if turn is None:
        return report
    report.customer_id = turn.customer_id
    switch, policy = DeadMansSwitch(), retry_policy(settings)
    switch.start_lease(reading, settings.lease)
    sending = SendPool(client, policy, switch, threads=settings.vitec_in_flight, by=signed)
    limits = TurnTimes(settings.vitec_timeout, settings.turn_alone, settings.turn_shared)
    pacing = RateLimiter(db, turn, settings.vitec_requests_per_second)
    work = TurnLoop(db, turn, sending, switch, pacing, turn_policy(settings), limits, stopping, signed, report)
    try:
        report.leftovers = rescue.settle_leftovers(db, turn, dead_worker_policy(policy), signed)
        work.run()
    finally:
        try:
            work.drain()
        finally:
            sending.close()
            report.seconds = time.monotonic() - work.began
            report.ended = work.end_reason or "it broke off"
            _give_back(db, work)
    return report


def _give_back(db: Database, work: TurnLoop) -> None:
    """Release the lane; with the database away the lease ends by itself."""
    try:
        if not work.released:
            turns.release_turn(db, work.turn)
        more = turns.longest_due_kind(db, {kind.kind for kind in KINDS})
    except DBAPIError as error:
        if not is_database_unavailable(error):
            raise
        return
    # A turn that moved nothing does not ring: it would only be rung again for what it could not do.
    moved = work.report.sent or work.report.looked_up or work.report.states
    work.report.more = more if moved else None
