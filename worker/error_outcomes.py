"""How an attempt ended, by the error of its request: sorted by the one question, may Vitec have acted?"""

from dataclasses import replace

from models import HoldReason, Scope
from worker.errors import (
    Barred,
    Conflict,
    EffectUnknown,
    ForeignAnswer,
    ForeignPage,
    NoEffect,
    Redirected,
    Refused,
    Revoked,
    Throttled,
    Unreachable,
    Unreadable,
    Unsendable,
    VitecError,
)
from worker.kind import Kind
from worker.kind.answers import accepted_in_doubt
from worker.outcome import Failed, Health, HoldWanted, InDoubt, Outcome, Retryable


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


def outcome_for(kind: type[Kind], error: VitecError, *, sent_before: bool) -> Outcome:
    """Sort an error of a kind's own request: a refusal may mean to it that all is done, after an attempt that may have acted."""
    judged = kind.read_refusal(error.status or 0, sent_before=sent_before) if isinstance(error, Refused) else None
    if judged is None:
        return outcome_of(error)
    return replace(judged, detail=error.text) if isinstance(judged, Failed) else judged


def _without_effect(error: NoEffect) -> Retryable:
    match error:
        case Barred():
            reason = HoldReason.FORBIDDEN if error.forbidden else HoldReason.UNAUTHORIZED
            hold = HoldWanted(Scope.GROUP, reason)
            return Retryable(reason.value, error.text, counts=False, hold=hold, cause=error.why)
        case Throttled():
            hold = HoldWanted(Scope.ENVIRONMENT, HoldReason.THROTTLED, error.retry_after)
            return Retryable(error.code, error.text, counts=False, hold=hold, cause=error.why)
        case ForeignAnswer():
            return Retryable(error.code, _page_detail(error), counts=False, health=Health.FOREIGN, cause=error.why)
        case Unreachable():
            return Retryable(error.code, error.why, counts=False, health=Health.ILL, cause=error.why)
        case Unsendable():
            return Retryable(error.code, error.why)
        case Revoked():
            return Retryable(error.code, error.why, counts=False)
    raise AssertionError(f"{type(error).__name__} is no leaf of the error tree")


def _unknown_effect(error: EffectUnknown) -> InDoubt:
    detail = error.text or error.why
    match error:
        case Unreadable():
            return replace(accepted_in_doubt(detail), cause=error.why)
        case ForeignPage():
            return InDoubt(error.code, _page_detail(error), health=Health.FOREIGN, cause=error.why)
        case Redirected():
            hold = HoldWanted(Scope.ENVIRONMENT, HoldReason.REDIRECTED)
            return InDoubt(error.code, detail, hold=hold, cause=error.why)
        case Conflict():
            return InDoubt(error.code, detail, health=Health.WELL)
        case _:
            return InDoubt(error.code, detail, health=Health.ILL, cause=error.why)


def _page_detail(error: VitecError) -> str:
    return ": ".join(part for part in (error.why, error.text) if part)


def outcome_of_unforeseen(error: Exception, *, written: bool) -> Outcome:
    """Sort an error that no rule foresaw by whether a byte was `written`; of its text only the class is kept."""
    detail = type(error).__name__
    return InDoubt("unforeseen", detail) if written else Retryable("unforeseen", detail)
