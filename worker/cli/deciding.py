"""`vitec-sync requeue` and `cancel`: the decisions of a person about operations that wait or have ended."""

import getpass
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import typer

from models import FINAL, WAITING, State
from worker import bootstrap, logs, reconciling
from worker.cli import options, terminal
from worker.cli.terminal import CannotBeDone
from worker.outbox import Database
from worker.outbox.operators.actions import Decider, record_action
from worker.outbox.operators.decisions import Verb
from worker.outbox.views.operations import (
    OperationFilter,
    count_by_cause,
    count_with_code,
    find_with_evidence,
    iterate_ids,
)
from worker.reconciling import DecisionReport, Expiry, Wish

Expires = Annotated[
    str | None,
    typer.Option(help="From when it is too late, as 2026-12-24T12:00, or never.", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

DryRun = Annotated[bool, typer.Option("--dry-run", help="By filter: tell what would be decided, change nothing.")]

_PERHAPS_NOTIFIED = "nobody_notified"
"""The code of a notification that Vitec answered with `false`, of which the meaning is not published."""

_SIGN_OF_LIFE = 1_000
"""Operations after which a person at a terminal is told how far it is."""

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
    also_given_up: Annotated[
        bool, typer.Option("--also-given-up", help="By filter: also those that a person cancelled or gave up.")
    ] = False,
    dry_run: DryRun = False,
    reason: options.Reason = None,
    by: options.By = None,
    yes: options.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Send operations after all that have failed, expired or been cancelled: some by name, or all that a filter finds.

    One that has been delivered is not: `resolve --give-up` first, if it is not there after all. One of which there was
    evidence that Vitec acted is sent only if you name it and give a --reason. A filter leaves out those that a person
    cancelled or gave up, unless you say --also-given-up.
    """
    if also_given_up and operation:
        raise typer.BadParameter(
            "goes with a filter only: operations that you name are taken", param_hint="--also-given-up"
        )
    operation_filter = options.make_filter(state, kind, customer, code)
    wish, decider = reconciling.Requeue(read_expiry(expires), overrules=bool(operation)), make_decider(by, reason)
    left_out = frozenset[State]() if also_given_up else frozenset({State.CANCELLED})
    choice = _Choice(operation_filter, FINAL - {State.SUCCEEDED}, left_out, feed)
    _decide(operation, choice, wish, decider, _Manner(yes, as_json, dry_run))


def cancel(
    operation: options.Operations = None,
    state: options.States = None,
    kind: options.Kinds = None,
    customer: options.Customers = None,
    code: options.Codes = None,
    feed: options.Feed = "crm",
    dry_run: DryRun = False,
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
    choice = _Choice(operation_filter, WAITING, frozenset(), feed)
    _decide(operation, choice, wish, decider, _Manner(yes, as_json, dry_run))


@dataclass(frozen=True, slots=True)
class _Choice:
    """The operations that a filter chooses: in one of `states`, and in none of `left_out`."""

    filter: OperationFilter
    states: frozenset[State]
    left_out: frozenset[State]
    feed: str

    def narrow(self, states: frozenset[State]) -> OperationFilter:
        """Keep the filter to some states, so that it does not list thousands of refusals."""
        impossible = self.filter.states - self.states
        if impossible:
            raise typer.BadParameter(f"only {', '.join(sorted(self.states))} can be chosen so", param_hint="--state")
        return replace(self.filter, states=(self.filter.states or self.states) & states, feed=self.feed)


@dataclass(frozen=True, slots=True)
class _Manner:
    """How the command is carried out."""

    yes: bool
    as_json: bool
    dry_run: bool


def _decide(references: Sequence[str] | None, choice: _Choice, wish: Wish, decider: Decider, manner: _Manner) -> None:
    db = bootstrap.database()
    if bool(references) is not choice.filter.is_empty:
        raise typer.BadParameter("name operations, or give a filter (--state, --kind, --customer, --code); not both")
    if references:
        operation_ids = options.find_operation_ids(db, references, choice.feed)
        if manner.dry_run:
            raise typer.BadParameter("goes with a filter: `explain` tells of one operation", param_hint="--dry-run")
        _warn_of_doubles(wish, count_with_code(db, operation_ids, _PERHAPS_NOTIFIED))
        if isinstance(wish, reconciling.Requeue) and decider.reason:
            warn_of_overruling(db, operation_ids, wish)
    else:
        operation_ids = _choose(db, choice, wish, manner)
        if manner.dry_run:
            return
    report = _carry_out(db, operation_ids, wish, decider)
    print_report(report, as_json=manner.as_json)


def _choose(db: Database, choice: _Choice, wish: Wish, manner: _Manner) -> list[int]:
    """Tell how many of which kind, state and code the filter chooses and leaves out, and ask."""
    wanted = choice.narrow(choice.states - choice.left_out)
    groups = count_by_cause(db, wanted) if wanted.states else []
    left_out = count_by_cause(db, choice.narrow(choice.left_out)) if choice.narrow(choice.left_out).states else []
    if manner.as_json and manner.dry_run:
        terminal.print_json(
            {"would_decide": [dict(row) for row in groups], "left_out": [dict(row) for row in left_out]}
        )
        return []
    print_row = terminal.print_line if manner.dry_run else terminal.print_error
    for row in groups:
        print_row(f"  {row['count']:>6} {row['kind']}, {row['state']}, {row['error_code'] or 'no code'}")
    if given_up := sum(row["count"] for row in left_out):
        noun = terminal.count_noun(given_up, "operation")
        print_row(f"Left out: {noun} that a person cancelled or gave up (name them, or say --also-given-up).")
    _warn_of_doubles(wish, sum(row["count"] for row in groups if row["error_code"] == _PERHAPS_NOTIFIED))
    count = sum(row["count"] for row in groups)
    if not count:
        raise CannotBeDone("No operation is to be decided: none is found by that filter.")
    if manner.dry_run:
        print_row(
            f"{type(wish).__name__} would decide about {terminal.count_noun(count, 'operation')}. Dry run: nothing is changed."
        )
        return []
    confirm(f"{type(wish).__name__} {terminal.count_noun(count, 'operation')}?", yes=manner.yes)
    return list(iterate_ids(db, wanted))


def _warn_of_doubles(wish: Wish, count: int) -> None:
    """Warn that sending once more may notify a user a second time; `count`: of how many operations that may be true."""
    if count and isinstance(wish, reconciling.Requeue):
        noun = terminal.count_noun(count, "operation")
        terminal.print_error(
            f"Warning: {noun} ended with {_PERHAPS_NOTIFIED}. It is not known whether anybody was notified:"
            " whoever was gets the same message a second time."
        )


def warn_of_overruling(db: Database, operation_ids: Sequence[int], wish: Wish) -> None:
    """Warn of operations of which there is evidence that Vitec acted: sent again, they may be there twice."""
    may_follow = "Given up, it may be there all the same"
    if not isinstance(wish, reconciling.GiveUp):
        may_follow = "Sent again, it may be there twice"
    acted = ", ".join(map(str, find_with_evidence(db, operation_ids)))
    if acted:
        terminal.print_error(
            f"Warning: by its answer, or by a person's word, Vitec has carried this out: {acted}."
            f" {may_follow}; your decision stands in its history."
        )


def _carry_out(db: Database, ids: Sequence[int], wish: Wish, decider: Decider) -> DecisionReport:
    """Carry out the wish, with a sign of life on a terminal, and leave its trace among the actions."""
    report, command = DecisionReport(), type(wish).__name__.casefold()
    with record_action(db, decider, command, {"count": len(ids), "ids": list(ids[:100])}) as action:
        for start in range(0, len(ids), _SIGN_OF_LIFE):
            report += reconciling.carry_out(db, ids[start : start + _SIGN_OF_LIFE], wish, decider)
            if len(ids) > _SIGN_OF_LIFE and terminal.is_interactive():
                terminal.print_error(f"{min(start + _SIGN_OF_LIFE, len(ids))} of {len(ids)}")
        action.affected = len(report.carried_out)
    return report


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
