"""The one place where a reason becomes a sentence, and the remedy beside it. Times are Stockholm's."""

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from models import Reason as Because
from models import Scope, State
from worker.explaining import reasons
from worker.explaining.next_step import Coming, Deed
from worker.kind.stockholm import STOCKHOLM
from worker.results import explain_code

_START = "Start celery -A worker worker, and celery -A worker beat."
_HOLDS = {
    Because.UNAUTHORIZED: "Vitec refuses the login (401)",
    Because.FORBIDDEN: "Vitec grants no right (403)",
    Because.THROTTLED: "Vitec asked to wait (429, 503)",
    Because.UNAVAILABLE: "failures in a row opened the breaker",
    Because.REDIRECTED: "Vitec's address answers with a redirect",
}
_MEND = {
    Because.UNAUTHORIZED: "Correct the login, then: ",
    Because.FORBIDDEN: "Ask Vitec for the right, then: ",
    Because.REDIRECTED: "Correct VITEC_BASE_URL, then: ",
}


@dataclass(frozen=True, slots=True)
class Said:
    """A reason in words, and what helps; `remedy` is empty where time alone does."""

    text: str
    remedy: str = ""


def said(reason: reasons.Reason, at: datetime) -> Said:
    """Say a reason as it stands at `at`."""
    match reason:
        case reasons.NeverStarted() | reasons.Silent() | reasons.Held() | reasons.OutsideHours():
            return _shut(reason, at)
        case reasons.WaitsFor() | reasons.Circle() | reasons.ParentEnded():
            return _parent(reason)
        case reasons.TooLate() | reasons.NotBefore() | reasons.AfterFailure() | reasons.LeaveGrewOld():
            return _time(reason, at)
        case (
            reasons.OneGoesFirst()
            | reasons.LimitReached()
            | reasons.PaceUsedUp()
            | reasons.NotWoken()
            | reasons.LanesBefore()
            | reasons.Behind()
        ):
            return _crowd(reason, at)
        case reasons.UnderWay() | reasons.WorkerGone() | reasons.Ended():
            return _course(reason, at)
        case reasons.Doubt() | reasons.Alike() | reasons.NeedsPerson():
            return _doubt(reason, at)
        case _:
            assert_never(reason)


def _shut(reason: reasons.NeverStarted | reasons.Silent | reasons.Held | reasons.OutsideHours, at: datetime) -> Said:
    match reason:
        case reasons.NeverStarted():
            return Said("No worker has ever started on this database.", _START)
        case reasons.Silent():
            never = "No worker has ever called for work."
            return Said(
                f"Nobody has called for work since {clock(reason.since, at)}." if reason.since else never, _START
            )
        case reasons.Held():
            return _held(reason, at)
        case reasons.OutsideHours():
            text = f"It is outside the sending hours of {words(reason.kind)}, until {clock(reason.until, at)}."
            return Said(text, "The setting SENDING_HOURS says when it may be sent.")


def _held(hold: reasons.Held, at: datetime) -> Said:
    what = {
        Scope.ENVIRONMENT: "Everything",
        Scope.GROUP: f"{hold.customer_id}, {hold.function_group},",
        Scope.LANE: f"{hold.customer_id}, {words(hold.kind)},",
    }[hold.scope]
    span = {
        Scope.ENVIRONMENT: "--all",
        Scope.GROUP: f"--customer {hold.customer_id} --group {hold.function_group}",
        Scope.LANE: f"--customer {hold.customer_id} --kind {hold.kind}",
    }[hold.scope]
    until = "somebody resumes it" if hold.until is None else clock(hold.until, at)
    by = f" by {hold.by}" if hold.by else ""
    held = "paused" if hold.because is Because.PAUSED else "held"
    why = "; ".join(part for part in (_HOLDS.get(hold.because), hold.note) if part)
    text = f"{what} is {held} since {clock(hold.since, at)}{by} until {until}{': ' + why if why else ''}."
    reason = "" if hold.because is Because.PAUSED else f" --reason {hold.because.value}"
    return Said(text, f"{_MEND.get(hold.because, '')}vitec-sync resume {span}{reason}")


def _parent(reason: reasons.WaitsFor | reasons.Circle | reasons.ParentEnded) -> Said:
    named = f"{reason.kind}:{reason.source_id}"
    match reason:
        case reasons.WaitsFor(id=None):
            return Said(f"It waits for {named}, which is not known yet.", "Export that one from the CRM, too.")
        case reasons.WaitsFor(state=State.SUCCEEDED):
            return Said(f"It waits for {named} (operation {reason.id}), of whose success it is about to be told.")
        case reasons.WaitsFor():
            more = "" if reason.reasons else f"vitec-sync explain {reason.id}"
            return Said(f"It waits for {named} (operation {reason.id}), which is {words(reason.state)}.", more)
        case reasons.Circle():
            text = f"It waits for {named}, which waits for this one in its turn: neither can ever go first."
            return Said(text, "Correct what comes after what in the CRM, or cancel it.")
        case reasons.ParentEnded():
            text = f"It comes after {named} (operation {reason.id}), which is {words(reason.state)}."
            return Said(text, f"Mend that one first, then requeue both: vitec-sync explain {reason.id}")


def _time(
    reason: reasons.TooLate | reasons.NotBefore | reasons.AfterFailure | reasons.LeaveGrewOld, at: datetime
) -> Said:
    match reason:
        case reasons.TooLate():
            return Said(f"It has been too late since {clock(reason.since, at)}.", "Export it with a later time.")
        case reasons.NotBefore():
            return Said(f"It is not sent before {clock(reason.until, at)}.")
        case reasons.AfterFailure():
            tried = f"failure {reason.failures} of {reason.max_failures}"
            return Said(f"It waits until {clock(reason.until, at)} after {tried}: {_because(reason.code)}")
        case reasons.LeaveGrewOld():
            return Said(
                f"It was not there at Vitec, and could be sent again until {clock(reason.since, at)}. "
                f"That is long ago: Vitec is asked once more, from {clock(reason.until, at)} on."
            )


def _crowd(
    reason: reasons.OneGoesFirst
    | reasons.LimitReached
    | reasons.PaceUsedUp
    | reasons.NotWoken
    | reasons.LanesBefore
    | reasons.Behind,
    at: datetime,
) -> Said:
    match reason:
        case reasons.OneGoesFirst():
            return Said(f"A hold has just ended, and operation {reason.id} goes first: its answer decides.")
        case reasons.LimitReached():
            text = f"{number(reason.in_flight, 'request')} in flight already, of {reason.limit} allowed at once."
            return Said(text, "The setting VITEC_IN_FLIGHT says how many.")
        case reasons.PaceUsedUp():
            text = f"The pace of {reason.rate:g} requests a second is used up until {clock(reason.until, at)}."
            return Said(text, "The setting VITEC_REQUESTS_PER_SECOND says how many.")
        case reasons.NotWoken():
            return Said("Its lane does not know of it yet: housekeeping sees to that within a minute.")
        case reasons.LanesBefore():
            return Said(
                f"{number(reason.count, 'lane')} of its kind waited longer for a worker.",
                "More workers serve more lanes.",
            )
        case reasons.Behind():
            return Said(f"It is behind about {number(reason.count, 'operation')} of its lane.")


def _course(reason: reasons.UnderWay | reasons.WorkerGone | reasons.Ended, at: datetime) -> Said:
    match reason:
        case reasons.UnderWay():
            by = f" by {reason.worker}" if reason.worker else ""
            return Said(f"It is being sent since {clock(reason.since, at)}{by} (attempt {reason.attempt}).")
        case reasons.WorkerGone():
            return Said(f"It was being sent at {clock(reason.since, at)}, and its worker is gone since.")
        case reasons.Ended(state=State.SUCCEEDED):
            named = f" as {reason.remote_id}" if reason.remote_id else ""
            return Said(f"It has been delivered{named}: {clock(reason.at, at)}.")
        case reasons.Ended():
            code = reason.code or reason.state.value
            return Said(f"It has ended at {clock(reason.at, at)}: {_because(code)}", explain_code(code).remedy)


def _doubt(reason: reasons.Doubt | reasons.Alike | reasons.NeedsPerson, at: datetime) -> Said:
    match reason:
        case reasons.Alike():
            ids = ", ".join(map(str, reason.ids))
            return Said(
                f"One like it is in flight or in doubt ({ids}): whose is whose cannot be told before that is settled.",
                f"vitec-sync explain {reason.ids[0]}",
            )
        case reasons.Doubt():
            since = f" since {clock(reason.since, at)}" if reason.since else ""
            accepted = " It was accepted, so it is never sent again." if reason.accepted else ""
            asked = (
                f" Vitec was asked {number(reason.look_ups, 'time')}" if reason.look_ups else " Vitec was not asked yet"
            )
            absent = f", {reason.absent} of 2 in a row found it absent" if reason.look_ups else ""
            found = f" ({reason.found})" if reason.found else ""
            again = f"; the next time at {clock(reason.until, at)}." if reason.until > at else "; that is due now."
            return Said(f"It is in doubt{since}: {_because(reason.code)}{accepted}{asked}{absent}{found}{again}")
        case reasons.NeedsPerson(state=State.IN_DOUBT):
            found = f" A look-up found: {reason.found}." if reason.found else ""
            text = f"Only a person can tell whether Vitec acted: {_because(reason.code)}{found}"
            choices = f"vitec-sync resolve {reason.id} --delivered | --send-again | --give-up"
            return Said(text, f"See vitec-sync show {reason.id} and Vitec's call log, then: {choices}")
        case reasons.NeedsPerson():
            text = f"A person should look at it: {_because(reason.code)}"
            return Said(text, f"vitec-sync show {reason.id}, then: vitec-sync resolve {reason.id} --delivered")


def noted(note: reasons.Note, at: datetime) -> str:
    """Say a note."""
    match note:
        case reasons.TurnAtWork():
            return f"{note.worker or 'Somebody'} is at work on its lane; its lease runs until {clock(note.until, at)}."
        case reasons.Expires():
            return f"It expires at {clock(note.at, at)}."
        case reasons.NewContent():
            return "The CRM has changed the row: the new content waits for the verdict."
        case reasons.CancelAsked():
            return "Cancel is asked: it is honoured if nothing has been written to Vitec."
        case reasons.Untold():
            return "The CRM has not been told yet how it stands: vitec-sync results."
        case _:
            assert_never(note)


def foretold(coming: Coming, at: datetime) -> str:
    """Say what happens next, and when."""
    when = "now" if coming.now else "as soon as that is over" if coming.at is None else clock(coming.at, at)
    match coming.deed:
        case Deed.SENT:
            return f"It is sent: {when}." if coming.now or coming.at is None else f"It is sent, not before {when}."
        case Deed.LOOKED_UP:
            return f"Vitec is asked whether it is there: {when}."
        case Deed.ANSWERED:
            return "Its answer comes." if coming.at is None else f"Its answer comes, or is given up, by {when}."
        case Deed.SETTLED:
            return "Housekeeping settles it within a minute: as in doubt, unless twice is harmless."
        case Deed.EXPIRED:
            return (
                "Housekeeping ends it as expired." if coming.now else f"It expires at {when}, before it could be sent."
            )
        case Deed.FAILED:
            return "Housekeeping ends it as failed (parent_failed)."
        case Deed.DECIDED:
            return "Nothing, before a person has decided."
        case Deed.NOTHING:
            return "Nothing: it has ended."
        case _:
            assert_never(coming.deed)


def clock(moment: datetime, at: datetime) -> str:
    """A moment by Stockholm's clock, with its date unless that is today's."""
    local = moment.astimezone(STOCKHOLM)
    today = local.date() == at.astimezone(STOCKHOLM).date()
    return f"{local:%H:%M:%S}" if today else f"{local:%Y-%m-%d %H:%M:%S}"


def words(value: object) -> str:
    """One of our words (`in_flight`) as people say it."""
    return str(value).replace("_", " ")


def number(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def _because(code: str | None) -> str:
    return f"{explain_code(code).text.removesuffix('.')} ({code})." if code else "no reason was noted."
