"""How an attempt's outcome becomes the settlement of its row. Pure: chance is an argument.

Each state that a row comes to is decided in one of these places:

    decide                          an attempt that ended, here; also for a worker that died (`policies`, `rescue`)
    fallback_settlement             an attempt for which the rules themselves failed, here
    NEVER_SENT                      an attempt that was claimed and handed to no thread, here
    delivery.in_hand                a result that the database refuses: in doubt, for a person
    doubt.conclude                  a look-up: still in doubt, succeeded, or to be sent again
    exchange.settle                 as the settlement says, but succeeded where evidence came first, and cancelled where
                                    that was asked and the attempt surely had no effect; asked in a doubt that would be
                                    sent again, in doubt
    exchange.look_ups               as the conclusion says, but cancelled where that was asked and it proves absent; and
                                    succeeded where a look-up that comes late shows it
    exchange.late_answers           an answer that came after its attempt was settled
    exchange.claim                  in flight
    intake                          pending
    revisions                       new content of the CRM
    upkeep.expiry                   expired, or failed because its parent ended without success
    operators.decisions             a person's decision

`models.MOVES` lists the moves that any of them may make.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from models import HoldReason, Scope, State
from worker.errors import (
    Barred,
    Conflict,
    EffectUnknown,
    NoEffect,
    Redirected,
    Refused,
    Revoked,
    Throttled,
    Unreachable,
    Unreadable,
    VitecError,
)
from worker.kind import Kind, OnDoubt
from worker.kind.answers import accepted_in_doubt
from worker.outcome import Failed, Health, HoldWanted, InDoubt, Outcome, Retryable, Succeeded

SOON = 1.0
"""Seconds until a row that was held back for no fault of its own is claimed again; a hold may make it longer."""

FALLBACK_DELAY = 60.0
"""Seconds until the next attempt at what was not sent, where the rules themselves have failed."""

Jitter = Callable[[float], float]
"""Picks a waiting time in seconds, at most its argument."""


def full_jitter(seconds: float) -> float:
    """Pick anything from nothing to `seconds`: the spread that parts a crowd best."""
    return random.uniform(0, seconds)  # noqa: S311 (waiting times are no secret)


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait after the n-th failure, or for the n-th hold in a row: `first` s, doubling up to `cap` s."""

    first: float = 30.0
    cap: float = 6 * 3600.0

    def seconds(self, count: int) -> float:
        """Give the whole waiting time after so many (1 or more)."""
        return min(self.cap, self.first * 2.0 ** min(count - 1, 40))


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """The columns of the row at its claim, and the office's settings, as far as they decide."""

    on_doubt: OnDoubt
    failures: int
    max_failures: int
    backoff: Backoff
    quiet: float = 900.0
    """Seconds to leave Vitec in peace before a look-up: longer than any request can run there (an assumption)."""
    may_double: bool = False
    """The office has it sent again in doubt all the same (RESEND_IN_DOUBT_MAY_DOUBLE), unless Vitec has accepted it."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The office's settings about waiting and doubt."""

    backoff: Backoff = Backoff()
    quiet: float = 900.0
    skew: float = 5.0
    """Seconds by which Vitec's clock may be behind the database's."""
    on_doubt: Mapping[str, OnDoubt] = field(default_factory=dict)
    """Overrides, by kind."""
    may_double: frozenset[str] = frozenset()
    """Kinds that are sent again in doubt though twice is not harmless; one that Vitec has accepted never is."""

    def facts(self, kind: type[Kind], failures: int, max_failures: int) -> DecisionFacts:
        """The facts about an operation of this kind."""
        backoff = self.backoff if kind.backoff_first is None else replace(self.backoff, first=kind.backoff_first)
        on_doubt, may_double = self.on_doubt.get(kind.kind, kind.on_doubt), kind.kind in self.may_double
        return DecisionFacts(on_doubt, failures, max_failures, backoff, self.quiet, may_double)


@dataclass(frozen=True, slots=True)
class Settlement:
    """The next state of a row, and the columns that go with it."""

    state: State
    attempt_state: State
    """The state that the attempt itself spoke for: kept in the history."""
    delay: float = 0.0
    """Seconds until the next attempt; in doubt, until the next look-up."""
    failures: int = 0
    """To be added to the row's."""
    remote_id: str | None = None
    answer: Any | None = None
    code: str | None = None
    detail: str | None = None
    accepted: bool = False
    needs_person: bool = False
    hold: HoldWanted | None = None
    health: Health = Health.UNKNOWN
    cause: str | None = None
    """The failure in our own words, should it set a hold."""


NEVER_SENT = Settlement(State.RETRYABLE, State.RETRYABLE, delay=SOON, code="revoked")
"""Of a claimed operation that no thread was given: surely nothing was written."""


def outcome_of(error: VitecError) -> Outcome:
    """Sort an error by the one question: may Vitec have acted?"""
    match error:
        case Refused():
            return Failed("not_found" if error.status in (404, 410) else error.code, error.text)
        case NoEffect():
            return _without_effect(error)
        case EffectUnknown():
            return _unknown_effect(error)
    raise AssertionError(f"{type(error).__name__} is no leaf of the error tree")


def _without_effect(error: NoEffect) -> Retryable:
    match error:
        case Barred():
            reason = HoldReason.FORBIDDEN if error.forbidden else HoldReason.UNAUTHORIZED
            hold = HoldWanted(Scope.GROUP, reason)
            return Retryable(reason.value, error.text, counts=False, hold=hold, cause=error.why)
        case Throttled():
            hold = HoldWanted(Scope.ENVIRONMENT, HoldReason.THROTTLED, error.retry_after)
            return Retryable(error.code, error.text, counts=False, hold=hold, cause=error.why)
        case Unreachable():
            return Retryable(error.code, error.why, health=Health.ILL, cause=error.why)
        case Revoked():
            return Retryable(error.code, error.why, counts=False)
    raise AssertionError(f"{type(error).__name__} is no leaf of the error tree")


def _unknown_effect(error: EffectUnknown) -> InDoubt:
    detail = error.text or error.why
    match error:
        case Unreadable():
            return replace(accepted_in_doubt(detail), cause=error.why)
        case Redirected():
            hold = HoldWanted(Scope.ENVIRONMENT, HoldReason.REDIRECTED)
            return InDoubt(error.code, detail, hold=hold, cause=error.why)
        case Conflict():
            return InDoubt(error.code, detail, health=Health.WELL)
        case _:
            return InDoubt(error.code, detail, health=Health.ILL, cause=error.why)


def outcome_of_unforeseen(error: Exception, *, written: bool) -> Outcome:
    """Sort an error that no rule foresaw by whether a byte was `written`; of its text only the class is kept."""
    detail = type(error).__name__
    return InDoubt("unforeseen", detail) if written else Retryable("unforeseen", detail)


def decide(outcome: Outcome, facts: DecisionFacts, jitter: Jitter = full_jitter) -> Settlement:
    """Turn the outcome of an attempt into its row's settlement."""
    match outcome:
        case Succeeded():
            return Settlement(
                State.SUCCEEDED,
                State.SUCCEEDED,
                remote_id=outcome.remote_id,
                answer=outcome.answer,
                health=Health.WELL,
            )
        case Failed():
            return Settlement(
                State.FAILED,
                State.FAILED,
                answer=outcome.answer,
                code=outcome.code,
                detail=outcome.detail,
                health=Health.WELL,
            )
        case Retryable():
            return _retry_or_exhaust(outcome, State.RETRYABLE, facts, jitter, counts=outcome.counts)
        case InDoubt() if facts.on_doubt is OnDoubt.RESEND or (facts.may_double and not outcome.accepted):
            return _retry_or_exhaust(outcome, State.IN_DOUBT, facts, jitter, counts=True)
        case InDoubt():
            return Settlement(
                State.IN_DOUBT,
                State.IN_DOUBT,
                code=outcome.code,
                detail=outcome.detail,
                accepted=outcome.accepted,
                delay=facts.quiet if facts.on_doubt is OnDoubt.LOOK_UP else 0.0,
                needs_person=facts.on_doubt is OnDoubt.HOLD,
                hold=outcome.hold,
                health=outcome.health,
                cause=outcome.cause,
            )
        case _:
            assert_never(outcome)


def fallback_settlement(outcome: Outcome, why: str, *, written: bool, last: bool) -> Settlement:
    """Settle where the rules themselves have failed, by the little that needs none of them.

    `why`: a word without data. `last`: the budget ends with this attempt. Whatever the outcome is, nothing is raised: it
    would take along the answers of the other rows of its turn.
    """
    bare = Settlement(State.IN_DOUBT, State.IN_DOUBT, code="unforeseen", detail=why, needs_person=True)
    match outcome:
        case Succeeded(remote_id, answer):
            bare = replace(bare, accepted=True, remote_id=remote_id, answer=answer, health=Health.WELL)
        case InDoubt():
            bare = replace(
                bare, accepted=outcome.accepted, hold=outcome.hold, health=outcome.health, cause=outcome.cause
            )
        case Failed(code, _, answer):
            bare = replace(bare, detail=f"{why}; the outcome was {code}", answer=answer, health=Health.WELL)
        case Retryable():
            bare = replace(bare, hold=outcome.hold, health=outcome.health, cause=outcome.cause)
            if not written:
                bare = replace(
                    bare,
                    state=State.FAILED if last and outcome.counts else State.RETRYABLE,
                    attempt_state=State.RETRYABLE,
                    needs_person=False,
                    delay=FALLBACK_DELAY,
                    failures=int(outcome.counts),
                )
    return bare


def _retry_or_exhaust(
    outcome: Retryable | InDoubt, attempt_state: State, facts: DecisionFacts, jitter: Jitter, *, counts: bool
) -> Settlement:
    failures = facts.failures + 1
    if counts and failures >= facts.max_failures:
        # Of a kind that is sent again in doubt an earlier try may have been in doubt, too.
        or_in_doubt = " or in doubt" if facts.may_double or facts.on_doubt is OnDoubt.RESEND else ""
        detail = f"{facts.max_failures} tries without effect{or_in_doubt}, the last one: {outcome.code}"
        return Settlement(
            State.FAILED,
            attempt_state,
            failures=1,
            code="exhausted",
            detail=detail,
            hold=outcome.hold,
            health=outcome.health,
            cause=outcome.cause,
        )
    return Settlement(
        State.RETRYABLE,
        attempt_state,
        delay=jitter(facts.backoff.seconds(failures)) if counts else SOON,
        failures=int(counts),
        code=outcome.code,
        detail=outcome.detail,
        hold=outcome.hold,
        health=outcome.health,
        cause=outcome.cause,
    )
