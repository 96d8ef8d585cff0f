"""The policies of a turn, from the settings: here the numbers of an office get their meaning for the rules."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Connection

from worker.backoff import Backoff
from worker.decide import RetryPolicy, Settlement, decide
from worker.doubt import Patience
from worker.kind import BadCells, Kind, OnDoubt, complete
from worker.kinds import KIND_BY_NAME
from worker.outbox.exchange.claim import TurnPolicy
from worker.outbox.exchange.holds import HoldPolicy
from worker.outbox.exchange.look_ups import LookUpPolicy
from worker.outbox.exchange.questioned import ANSWER_IN_QUESTION, WHY
from worker.outbox.exchange.rescue import WORKER_DIED, DeadWorkerPolicy
from worker.outbox.lanes.handing_on import CompleteContent, hand_on
from worker.outbox.lanes.turns import Turn
from worker.outbox.lanes.withdrawals import end_needless
from worker.outcome import InDoubt
from worker.settings import Settings


def retry_policy(settings: Settings) -> RetryPolicy:
    """Say how long to wait before a retry, and what to do in doubt. Only one setting has a doubt sent again in which twice is harmful."""
    return RetryPolicy(
        Backoff(settings.backoff_first, settings.backoff_cap),
        quiet=settings.look_up_quiet,
        skew=settings.look_up_skew,
        on_doubt={kind: OnDoubt(name) for kind, name in settings.on_doubt.items()},
        outage_cap=settings.hold_unavailable_cap,
        may_double=frozenset(settings.resend_in_doubt_may_double),
    )


def turn_policy(settings: Settings, kind: str | None = None) -> TurnPolicy:
    """Say how long a turn's lease lasts, what it may have in flight, how it holds and looks up, and what `kind` needs."""
    return TurnPolicy(
        lease=settings.vitec_timeout + settings.lease_margin,
        outlast=settings.vitec_timeout + settings.claim_margin,
        in_flight=settings.vitec_in_flight,
        base_url=settings.vitec_base_url,
        hold_policy=HoldPolicy(
            barred=Backoff(settings.hold_barred, settings.hold_barred_cap),
            throttled=Backoff(settings.hold_throttled, settings.hold_throttled_cap),
            unavailable=Backoff(settings.hold_unavailable, settings.hold_unavailable_cap),
            breaker_failures=settings.breaker_failures,
        ),
        look_ups=LookUpPolicy(
            settings.look_up_gap, Patience(unclear=settings.look_up_unclear, look_ups=settings.look_up_tries)
        ),
        prepare=None if kind is None else _preparation_of(KIND_BY_NAME[kind]),
    )


def _preparation_of(kind: type[Kind]) -> Callable[[Connection, Turn], bool] | None:
    """Say how the lane of a kind is readied before each claim; None, for nearly all of them: it need not be."""
    if kind.handed_on or kind.handed_on_if_asked:
        return partial(hand_on, complete=partial(_complete, kind))
    if kind.withdraws is not None:
        return partial(end_needless, withdrawn=kind.withdraws)
    return None


def _complete(
    kind: type[Kind], payload: Mapping[str, Any], parent_kind: str, remote_id: str | None, answer: object
) -> CompleteContent | None:
    try:
        row = complete(kind, payload, parent_kind, remote_id, answer)
    except BadCells:
        return None
    return None if row is None else CompleteContent(row.payload(), row.match_key(), row.sequence_key())


def settle_questioned(policy: RetryPolicy, kind: str) -> Settlement:
    """Settle an operation with an answer that may be another's as one that was not answered: it may even have been refused."""
    # Where it is sent again in doubt, it may be by this one.
    return decide(InDoubt(ANSWER_IN_QUESTION, WHY), policy.facts(KIND_BY_NAME[kind], 0, 2))


def dead_worker_policy(policy: RetryPolicy) -> DeadWorkerPolicy:
    """Settle the operation of a dead worker as one that was not answered."""

    def settle_unanswered(kind: str, failures: int, max_failures: int) -> Settlement:
        return decide(InDoubt(WORKER_DIED), policy.facts(KIND_BY_NAME[kind], failures, max_failures))

    return settle_unanswered
