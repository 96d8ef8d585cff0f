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

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, assert_never

from models import State
from worker.backoff import Backoff, Jitter, full_jitter
from worker.kind import Kind, OnDoubt
from worker.outcome import Failed, Health, HoldWanted, InDoubt, Outcome, Retryable, Succeeded

SOON = 1.0
"""Seconds until a row that was held back for no fault of its own is claimed again; a hold may make it longer."""

FALLBACK_DELAY = 60.0
"""Seconds until the next attempt at what was not sent, where the rules themselves have failed."""


@dataclass(frozen=True, slots=True)
class DecisionFacts:
    """The columns of the row at its claim, and the office's settings, as far as they decide."""

    on_doubt: OnDoubt
    failures: int
    max_failures: int
    backoff: Backoff
    attempt: int = 1
    """The attempt's number: attempts that use up nothing wait longer by it."""
    outage_cap: float = 1800.0
    """Seconds that such a wait may last: no longer than a hold, so that whatever an outage kept is due when it is over."""
    singled_out: bool = False
    """Its last attempt was answered by something else than Vitec's API, and others of its lane were answered well since."""
    quiet: float = 900.0
    """Seconds to leave Vitec in peace before a look-up: longer than any request can run there (an assumption)."""
    may_double: bool = False
    """The office has it sent again in doubt all the same (RESEND_IN_DOUBT_MAY_DOUBLE), unless Vitec has accepted it."""
    ids_are_unique: bool = True
    """The kind's remote ids should come once only for each customer."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The office's settings about waiting and doubt."""

    backoff: Backoff = field(default_factory=Backoff)
    quiet: float = 900.0
    skew: float = 5.0
    """Seconds by which Vitec's clock may be behind the database's."""
    on_doubt: Mapping[str, OnDoubt] = field(default_factory=dict)
    """Overrides, by kind."""
    outage_cap: float = 1800.0
    """Seconds between two attempts that use up nothing, at most."""
    may_double: frozenset[str] = frozenset()
    """Kinds that are sent again in doubt though twice is not harmless; one that Vitec has accepted never is."""

    def facts(
        self, kind: type[Kind], failures: int, max_failures: int, attempt: int = 1, *, singled_out: bool = False
    ) -> DecisionFacts:
        """The facts about an operation of this kind."""
        backoff = self.backoff if kind.backoff_first is None else replace(self.backoff, first=kind.backoff_first)
        on_doubt, may_double = self.on_doubt.get(kind.kind, kind.on_doubt), kind.kind in self.may_double
        return DecisionFacts(
            on_doubt,
            failures,
            max_failures,
            backoff,
            attempt,
            self.outage_cap,
            singled_out,
            self.quiet,
            may_double,
            kind.ids_are_unique,
        )


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
    id_is_unique: bool = False
    """The remote id should be no other operation's: if it is, the success says so (`repeated_id`)."""
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


def decide(outcome: Outcome, facts: DecisionFacts, jitter: Jitter = full_jitter) -> Settlement:
    """Turn the outcome of an attempt into its row's settlement."""
    match outcome:
        case Succeeded():
            return Settlement(
                State.SUCCEEDED,
                State.SUCCEEDED,
                remote_id=outcome.remote_id,
                id_is_unique=facts.ids_are_unique and outcome.remote_id is not None,
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
            # A page in the place of any answer uses up nothing, unless each try may be one more deed.
            counts = outcome.health is not Health.FOREIGN or facts.on_doubt is not OnDoubt.RESEND
            return _retry_or_exhaust(outcome, State.IN_DOUBT, facts, jitter, counts=counts)
        case InDoubt():
            return _stay_in_doubt(outcome, facts)
        case _:
            assert_never(outcome)


def _stay_in_doubt(outcome: InDoubt, facts: DecisionFacts) -> Settlement:
    """Settle as in doubt, which counts: one that is looked up, absent and sent again, time after time, ends with a person."""
    return Settlement(
        State.IN_DOUBT,
        State.IN_DOUBT,
        code=outcome.code,
        detail=outcome.detail,
        accepted=outcome.accepted,
        failures=1,
        delay=facts.quiet if facts.on_doubt is OnDoubt.LOOK_UP else 0.0,
        needs_person=facts.on_doubt is OnDoubt.HOLD,
        hold=outcome.hold,
        health=outcome.health,
        cause=outcome.cause,
    )


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
    counts = counts or (facts.singled_out and outcome.health is Health.FOREIGN)
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
        delay=_delay(outcome, facts, jitter, failures if counts else None),
        failures=int(counts),
        code=outcome.code,
        detail=outcome.detail,
        hold=outcome.hold,
        health=outcome.health,
        cause=outcome.cause,
    )


def _delay(outcome: Retryable | InDoubt, facts: DecisionFacts, jitter: Jitter, failures: int | None) -> float:
    """Give the seconds until the next attempt. `failures`: how many there are by now, if this one counts."""
    if failures is not None:
        return jitter(facts.backoff.seconds(failures))
    if outcome.hold is not None:
        return SOON
    return jitter(min(facts.backoff.seconds(max(1, facts.attempt)), facts.outage_cap))
