"""Delivery: a ring is answered by taking one turn at the due lane that has waited longest."""

import os
import socket
import time
from collections.abc import Callable

from sqlalchemy.exc import DBAPIError

from worker.delivery.database_errors import database_away
from worker.delivery.dead_mans_switch import Reading, Switch
from worker.delivery.rate_limiter import Pacing
from worker.delivery.report import TurnReport
from worker.delivery.sending import Sender, Sending
from worker.delivery.turn import Limits, Work
from worker.kinds import KINDS
from worker.outbox.database.database import Outbox
from worker.outbox.exchange import rescue
from worker.outbox.lanes import turns as lanes
from worker.policies import policy_of, terms_of, verdict_of
from worker.settings import Settings

__all__ = ["TurnReport", "serve", "this_worker"]


def this_worker() -> str:
    """This process, as it signs leases and attempts: `host:pid`."""
    return f"{socket.gethostname()}:{os.getpid()}"


def serve(
    kind: str, *, box: Outbox, client: Sender, settings: Settings, stopping: Callable[[], bool], by: str | None = None
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
    reading = Reading.now()
    turn = lanes.take(box, kind, lease=settings.lease, worker=signed, at_most=settings.vitec_in_flight)
    if turn is None:
        return report
    report.customer_id = turn.customer_id
    switch, policy = Switch(), policy_of(settings)
    switch.lease_from(reading, settings.lease)
    sending = Sending(client, policy, switch, threads=settings.vitec_in_flight, by=signed)
    limits = Limits(settings.vitec_timeout, settings.turn_alone, settings.turn_shared)
    pacing = Pacing(box, turn, settings.vitec_requests_per_second)
    work = Work(box, turn, sending, switch, pacing, terms_of(settings), limits, stopping, signed, report)
    try:
        report.leftovers = rescue.clear(box, turn, verdict_of(policy), signed)
        work.run()
    finally:
        try:
            work.drain()
        finally:
            sending.close()
            report.seconds = time.monotonic() - work.began
            report.ended = work.ending or "it broke off"
            _give_back(box, work)
    return report


def _give_back(box: Outbox, work: Work) -> None:
    """Release the lane; with the database away the lease ends by itself."""
    try:
        if not work.left:
            lanes.release(box, work.turn)
        more = lanes.longest_due(box, {kind.kind for kind in KINDS})
    except DBAPIError as error:
        if not database_away(error):
            raise
        return
    # A turn that moved nothing does not ring: it would only be rung again for what it could not do.
    moved = work.report.sent or work.report.looked_up or work.report.states
    work.report.more = more if moved else None
