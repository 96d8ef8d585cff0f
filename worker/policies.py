"""What the settings mean for the rules: the one place where numbers of an office become terms of a turn."""

from worker.decide import Backoff, RetryPolicy, Settlement, decide
from worker.doubt import Patience
from worker.kind import OnDoubt
from worker.kinds import KIND_BY_NAME
from worker.outbox.exchange.capacity import TurnPolicy
from worker.outbox.exchange.holds import HoldPolicy, Ladder
from worker.outbox.exchange.late_answers import WORKER_DIED
from worker.outbox.exchange.look_ups import LookUpPolicy
from worker.outbox.exchange.rescue import DeadWorkerPolicy
from worker.outcome import InDoubt
from worker.settings import Settings


def retry_policy(settings: Settings) -> RetryPolicy:
    """How long to wait, and what to do in doubt."""
    return RetryPolicy(
        Backoff(settings.backoff_first, settings.backoff_cap),
        quiet=settings.look_up_quiet,
        skew=settings.look_up_skew,
        on_doubt=on_doubt_of(settings),
    )


def on_doubt_of(settings: Settings) -> dict[str, OnDoubt]:
    """What the office has set for kinds in doubt; where sending again may double, only by the setting that says so."""
    chosen = {kind: OnDoubt(what) for kind, what in settings.on_doubt.items()}
    return chosen | dict.fromkeys(settings.resend_in_doubt_may_double, OnDoubt.RESEND)


def turn_policy(settings: Settings) -> TurnPolicy:
    """What a turn may do."""
    return TurnPolicy(
        lease=settings.lease,
        outlast=settings.vitec_timeout + settings.claim_margin,
        in_flight=settings.vitec_in_flight,
        ladders=HoldPolicy(
            barred=Ladder(settings.hold_barred, settings.hold_barred_cap),
            throttled=Ladder(settings.hold_throttled, settings.hold_throttled_cap),
            unavailable=Ladder(settings.hold_unavailable, settings.hold_unavailable_cap),
            breaker_failures=settings.breaker_failures,
        ),
        look_ups=LookUpPolicy(
            settings.look_up_gap, Patience(unclear=settings.look_up_unclear, all=settings.look_up_tries)
        ),
    )


def dead_worker_policy(policy: RetryPolicy) -> DeadWorkerPolicy:
    """What becomes of an operation whose worker died: the same as of one that was not answered."""

    def died(kind: str, failures: int, max_failures: int) -> Settlement:
        return decide(InDoubt(WORKER_DIED), policy.facts(KIND_BY_NAME[kind], failures, max_failures))

    return died
