"""`vitec-sync pause` and `resume`: a person holds a scope, or ends a hold."""

import shlex
from dataclasses import asdict
from typing import Annotated

import typer

from models import HoldReason, Scope
from worker import bootstrap
from worker.cli import options, terminal
from worker.cli.deciding import AsJson, make_decider, ring_workers
from worker.explaining.wording import name_scope
from worker.kinds import KINDS
from worker.outbox import Database
from worker.outbox.operators import pauses
from worker.outbox.operators.actions import record_action
from worker.outbox.operators.pauses import HoldScope

All = Annotated[bool, typer.Option("--all", help="Everything this database serves.")]
Customer = Annotated[str | None, typer.Option(help="All function groups of this customer.", show_default=False)]
Kind = Annotated[
    str | None,
    typer.Option(help="With --customer: only this kind.", show_default=False, autocompletion=options.complete_kind),
]
Group = Annotated[
    str | None,
    typer.Option(help="With --customer or --login: only this function group, as status names it.", show_default=False),
]
Login = Annotated[
    str | None, typer.Option(help="All that is sent with this login, as status names it.", show_default=False)
]


def pause(
    everything: All = False,
    customer: Customer = None,
    kind: Kind = None,
    group: Group = None,
    login: Login = None,
    note: Annotated[str | None, typer.Option("--note", "--reason", help="Why.", show_default=False)] = None,
    by: options.By = None,
    as_json: AsJson = False,
) -> None:
    """Send nothing more until it is resumed. Requests that are in flight end, and waiting costs nothing of the budget."""
    scopes = read_scopes(customer, kind, group, login, everything=everything)
    decider = make_decider(by, note)
    db = bootstrap.database()
    with record_action(db, decider, "pause", {"scopes": [_scope_data(span) for span in scopes]}) as action:
        paused = pauses.pause(db, scopes, by=decider.by, note=decider.reason)
        action.affected = len(paused)
    if as_json:
        terminal.print_json({"paused": [_scope_data(span) for span in paused]})
        return
    for scope in scopes:
        terminal.print_line(f"{_scope_subject(scope)} is paused{'' if scope in paused else ' already'}.")


def resume(
    everything: All = False,
    customer: Customer = None,
    kind: Kind = None,
    group: Group = None,
    login: Login = None,
    reason: Annotated[
        HoldReason | None,
        typer.Option(help="Which hold: a pause if left out; with --all, every one.", show_default=False),
    ] = None,
    note: Annotated[str | None, typer.Option(help="Why; it stays on record.", show_default=False)] = None,
    by: options.By = None,
    as_json: AsJson = False,
) -> None:
    """End a pause. Or end another hold before its time: then one operation goes first, and its answer decides.

    --all ends every hold there is, of everything and of each customer, or those for the --reason given.
    """
    db = bootstrap.database()
    scopes = read_scopes(customer, kind, group, login, everything=everything)
    decider = make_decider(by, note)
    subject = {"scopes": [_scope_data(span) for span in scopes], "reason": reason}
    with record_action(db, decider, "resume", subject) as action:
        if everything:
            ended = pauses.resume_everything(db, reason)
        else:
            wanted = reason or HoldReason.PAUSED
            ended = [(scope, wanted) for scope in pauses.resume(db, scopes, wanted)]
        action.affected = len(ended)
    ring_workers(pauses.kinds_under(db, [scope for scope, _ in ended]) if ended else ())
    if as_json:
        terminal.print_json({"resumed": [_scope_data(span) for span, _ in ended]})
    elif not ended:
        raise terminal.CannotBeDone(_describe_nothing_held(db, customer, reason or HoldReason.PAUSED))
    for scope, held_for in () if as_json else ended:
        is_pause = held_for is HoldReason.PAUSED
        ends = "goes on" if is_pause else f"is held no more as {held_for.value}: one operation goes first"
        terminal.print_line(f"{_scope_subject(scope)} {ends}.")


def _describe_nothing_held(db: Database, customer: str | None, reason: HoldReason) -> str:
    """Say where a hold may be instead: a refused login holds all customers that use it, not each of them."""
    logins = pauses.find_logins_held(db, customer.strip(), reason) if customer else set()
    if not logins:
        return "Nothing of that is held for this reason: `vitec-sync status` shows what is."
    commands = " or ".join(
        f"`vitec-sync resume --login {shlex.quote(login)} --reason {reason.value}`" for login in sorted(logins)
    )
    return f"{customer} is held through its login, as all that is sent with it: {commands}."


def read_scopes(
    customer: str | None, kind: str | None, group: str | None, login: str | None = None, *, everything: bool
) -> list[HoldScope]:
    """Read the scopes of holds that the options name."""
    narrowed_wrongly = (everything and (kind or group)) or (kind and (group or login is not None))
    if [everything, customer is not None, login is not None].count(True) != 1 or narrowed_wrongly:
        raise typer.BadParameter(
            "give --all, or --customer, perhaps with --kind or with --group, or --login, perhaps with --group"
        )
    if everything:
        return [HoldScope(Scope.ENVIRONMENT)]
    if login is not None:
        if not login.strip():
            raise typer.BadParameter("it is empty", param_hint="--login")
        _check_group(group)
        return [HoldScope(Scope.LOGIN, function_group=group or "", login=login.strip())]
    customer_id = (customer or "").strip()
    if not customer_id:
        raise typer.BadParameter("it is empty", param_hint="--customer")
    if kind is not None:
        (name,) = options.check_kinds([kind])
        return [HoldScope(Scope.LANE, customer_id, kind=name)]
    groups = _check_group(group)
    return [HoldScope(Scope.GROUP, customer_id, function_group=name) for name in groups if group in {None, name}]


def _check_group(group: str | None) -> list[str]:
    """Refuse a function group that there is not; give all there are."""
    groups = sorted({kind_class.function_group for kind_class in KINDS})
    if group is not None and group not in groups:
        raise typer.BadParameter(f"there is no such group; there are {', '.join(groups)}", param_hint="--group")
    return groups


def _scope_data(scope: HoldScope) -> dict[str, str]:
    data = asdict(scope)
    return data if scope.scope is Scope.LOGIN else {name: value for name, value in data.items() if name != "login"}


def _scope_subject(scope: HoldScope) -> str:
    return "Everything" if scope.scope is Scope.ENVIRONMENT else name_scope(asdict(scope))
