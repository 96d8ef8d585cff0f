"""`vitec-sync requeue` and `cancel`: the decisions of a person about operations that wait or have ended."""

import getpass
import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated

import typer

from models import FINAL, WAITING, State
from worker import bootstrap, logs, reconciling
from worker.cli import options, terminal
from worker.cli.terminal import CannotBeDone
from worker.outbox.operators.actions import Decider
from worker.outbox.operators.decisions import Verb
from worker.outbox.views.operations import OperationFilter, iterate_ids
from worker.reconciling import DecisionReport, Expiry, Wish

Expires = Annotated[
    str | None,
    typer.Option(help="From when it is too late, as 2026-12-24T12:00, or never.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_DONE = {
    Verb.REQUEUED: "requeued",
    Verb.CANCELLED: "cancelled",
    Verb.CANCEL_ASKED: "is in flight: it will be cancelled if nothing has been written to Vitec",
    Verb.DELIVERED: "counts as delivered",
    Verb.SEEN: "has been looked at",
    Verb.SEND_AGAIN: "will be sent again",
    Verb.GIVEN_UP: "given up",
}


def requeue(
    operation: options.Operations = None,
    state: options.States = None,
    kind: options.Kinds = None,
    customer: options.Customers = None,
    code: options.Codes = None,
    feed: options.Feed = "crm",
    expires: Expires = None,
    reason: options.Reason = None,
    by: options.By = None,
    yes: options.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send operations after all that have failed, expired or been cancelled: some by name, or all that a filter finds.

    An operation that Vitec has accepted, or that has been delivered, is never sent again.
    """
    operation_filter = options.make_filter(state, kind, customer, code)
    wish, decider = reconciling.Requeue(read_expiry(expires)), make_decider(by, reason)
    _decide(operation, operation_filter, FINAL - {State.SUCCEEDED}, feed, wish, decider, yes=yes, as_json=as_json)


def cancel(
    operation: options.Operations = None,
    state: options.States = None,
    kind: options.Kinds = None,
    customer: options.Customers = None,
    code: options.Codes = None,
    feed: options.Feed = "crm",
    reason: options.Reason = None,
    by: options.By = None,
    yes: options.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Take operations back that are not wanted any more: some by name, or all waiting ones that a filter finds.

    One in flight is cancelled if nothing has been written to Vitec. One in doubt is for `resolve`.
    """
    operation_filter = options.make_filter(state, kind, customer, code)
    wish, decider = reconciling.Cancel(), make_decider(by, reason)
    _decide(operation, operation_filter, WAITING, feed, wish, decider, yes=yes, as_json=as_json)


def _decide(
    references: Sequence[str] | None,
    operation_filter: OperationFilter,
    states: frozenset[State],
    feed: str,
    wish: Wish,
    decider: Decider,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    db = bootstrap.database()
    if bool(references) is not operation_filter.is_empty:
        raise typer.BadParameter("name operations, or give a filter (--state, --kind, --customer, --code); not both")
    if references:
        operation_ids = options.find_operation_ids(db, references, feed)
    else:
        operation_ids = list(iterate_ids(db, _narrow_filter(operation_filter, states, feed)))
        if not operation_ids:
            raise CannotBeDone("No operation is to be decided: none is found by that filter.")
        confirm(f"{type(wish).__name__} {terminal.count_noun(len(operation_ids), 'operation')}?", yes=yes)
    print_report(reconciling.carry_out(db, operation_ids, wish, decider), as_json=as_json)


def _narrow_filter(operation_filter: OperationFilter, states: frozenset[State], feed: str) -> OperationFilter:
    """Keep the filter to the states that allow the decision, so that it does not list thousands of refusals."""
    impossible = operation_filter.states - states
    if impossible:
        raise typer.BadParameter(f"only {', '.join(sorted(states))} can be chosen so", param_hint="--state")
    return replace(operation_filter, states=operation_filter.states or states, feed=feed)


def confirm(question: str, *, yes: bool) -> None:
    if yes:
        return
    if not terminal.is_interactive():
        raise CannotBeDone(f"{question} Nobody is there to answer: say --yes.")
    if not typer.confirm(question, err=True):
        raise CannotBeDone("Nothing was changed.")


def make_decider(by: str | None, reason: str | None) -> Decider:
    """Name the person that decides: `by`, else the login. Characters that command a terminal are made visible."""
    try:
        login = getpass.getuser()
    except (OSError, KeyError):
        login = ""
    name = by or login
    if not name:
        raise typer.BadParameter("your login has no name here: say who decides", param_hint="--by")
    return Decider(
        by=terminal.make_visible(name).strip()[:100],
        reason=terminal.make_visible(reason).strip() or None if reason else None,
        login=terminal.make_visible(login).strip()[:100] or None,
    )


def read_expiry(text: str | None) -> Expiry:
    from worker.kind.cells import read_time
    from worker.kind.problems import BadCell

    if text is None:
        return Expiry()
    if text.strip().casefold() == "never":
        return Expiry(never=True)
    try:
        return Expiry(until=read_time(text.strip()))
    except BadCell as bad:
        raise typer.BadParameter(f"{bad.reason}. {bad.remedy}", param_hint="--expires") from None


def ring_workers(kinds: Iterable[str]) -> None:
    """Ring for the kinds that have work now. A broker that is away is a line on standard error, never a failure."""
    logs.configure(logging.WARNING)
    bootstrap.ring(kinds)


def print_report(report: DecisionReport, *, as_json: bool) -> None:
    ring_workers(report.kinds)
    if as_json:
        terminal.print_json(_as_data(report))
    elif len(report.carried_out) > 20:
        terminal.print_line(
            f"{terminal.count_noun(len(report.carried_out), 'operation')} {_DONE[report.carried_out[0].verb]}."
        )
    else:
        for decision in report.carried_out:
            terminal.print_line(f"{decision.id} ({decision.kind}:{decision.source_id}) {_DONE[decision.verb]}.")
    for refusal in report.refused:
        terminal.print_error(f"{refusal.id}: {refusal.why} {refusal.remedy.replace('ID', str(refusal.id))}")
    if report.refused:
        raise typer.Exit(3 if report.carried_out else 1)


def _as_data(report: DecisionReport) -> dict[str, object]:
    return {
        "done": [
            {
                "id": decision.id,
                "kind": decision.kind,
                "source_id": decision.source_id,
                "decided": decision.verb,
                "was": decision.was,
                "state": decision.state,
            }
            for decision in report.carried_out
        ],
        "refused": [{"id": refusal.id, "why": refusal.why, "remedy": refusal.remedy} for refusal in report.refused],
    }
