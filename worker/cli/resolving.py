"""`vitec-sync resolve`: a person settles operations in doubt, or corrects the settlement."""

import re
from collections.abc import Sequence
from typing import Annotated

import typer

from worker import bootstrap, reconciling
from worker.cli import options, terminal
from worker.cli.deciding import AsJson, Expires, confirm, make_decider, print_report, read_expiry, warn_of_overruling
from worker.outbox import Database
from worker.outbox.operators.actions import record_action
from worker.outbox.views.operations import parse_reference, read_operation
from worker.reconciling import Expiry, Wish

_REMOTE_ID = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9._-]{2,200}")
"""The form of the ids that Vitec gives. A number alone is one of ours."""


def resolve(
    operations: Annotated[
        list[str], typer.Argument(help="Numbers, or KIND:ID with the CRM's ids.", metavar="OPERATION...")
    ],
    delivered: Annotated[bool, typer.Option("--delivered", help="Each is there at Vitec.")] = False,
    delivered_as: Annotated[
        str | None,
        typer.Option(help="It is there, under this id of Vitec's: one operation.", metavar="ID", show_default=False),
    ] = None,
    send_again: Annotated[
        bool, typer.Option("--send-again", help="None is there, and each shall be sent again.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="None is there, and none is wanted any more.")] = False,
    reason: options.Reason = None,
    by: options.By = None,
    feed: options.Feed = "crm",
    expires: Expires = None,
    yes: options.Yes = False,
    as_json: AsJson = False,
) -> None:
    """Settle operations in doubt, once you have looked in Vitec whether they are there.

    Your look there outweighs Vitec's answer: --send-again also holds for one that Vitec has accepted, and --give-up for
    one that has been delivered, with a warning. --delivered also holds for one that has failed, expired or been
    cancelled, if it turns out to be there. A settlement of your own is corrected by another: --give-up or another
    --delivered-as after --delivered, --delivered after others.
    """
    wish = _read_answer(delivered_as, read_expiry(expires), delivered=delivered, send_again=send_again, give_up=give_up)
    _check_references(operations, delivered_as)
    if not (reason or "").strip():
        raise typer.BadParameter("say how you know it; it stands in the history", param_hint="--reason")
    db = bootstrap.database()
    ids = list(dict.fromkeys(options.find_operation_ids(db, operations, feed)))
    if not isinstance(wish, reconciling.Delivered):
        _ask(db, ids, wish, yes=yes)
    decider = make_decider(by, reason)
    with record_action(db, decider, "resolve", {"decision": type(wish).__name__, "ids": ids[:1000]}) as action:
        report = reconciling.carry_out(db, ids, wish, decider)
        action.affected = len(report.carried_out)
    print_report(report, as_json=as_json)


def _ask(db: Database, ids: Sequence[int], wish: Wish, *, yes: bool) -> None:
    for operation_id in ids:
        _show_evidence(db, operation_id, is_one_of_several=len(ids) > 1)
    warn_of_overruling(db, ids, wish)
    subject, stands = ("it", "it is") if len(ids) == 1 else (f"these {len(ids)}", "one is")
    question = f"Send {subject} again" if isinstance(wish, reconciling.SendAgain) else f"Give {subject} up"
    confirm(f"{question}? If {stands} at Vitec after all, this is wrong.", yes=yes)


def _read_answer(delivered_as: str | None, expiry: Expiry, *, delivered: bool, send_again: bool, give_up: bool) -> Wish:
    if (delivered or delivered_as is not None) + send_again + give_up != 1:
        raise typer.BadParameter("give exactly one of --delivered (or --delivered-as ID), --send-again and --give-up")
    if expiry.is_new and not send_again:
        raise typer.BadParameter("goes with --send-again only", param_hint="--expires")
    if delivered or delivered_as is not None:
        return reconciling.Delivered(_read_remote_id(delivered_as))
    # A reason is given, and operations are named: the word of a person who has looked outweighs Vitec's.
    return reconciling.SendAgain(expiry, overrules=True) if send_again else reconciling.GiveUp(overrules=True)


def _check_references(operations: Sequence[str], delivered_as: str | None) -> None:
    """Refuse what names no operation, before anything is changed: an id of Vitec's has an option of its own."""
    for text in operations:
        if parse_reference(text) is None:
            typed = f'vitec-sync resolve {operations[0]} --delivered-as {text} --reason "…"'
            hint = (
                f"; if it is Vitec's id, write: {typed}" if len(operations) > 1 and _REMOTE_ID.fullmatch(text) else ""
            )
            raise typer.BadParameter(f"{text!r} is neither a number nor KIND:ID{hint}", param_hint="OPERATION")
    if delivered_as is not None and len(operations) > 1:
        raise typer.BadParameter("an id of Vitec's belongs to one operation: name one", param_hint="--delivered-as")


def _read_remote_id(text: str | None) -> str | None:
    if text is not None and not _REMOTE_ID.fullmatch(text):
        wrong = "a number is no id of Vitec's" if text.isdigit() else "it has another form than Vitec's ids"
        raise typer.BadParameter(
            f"{wrong}: letters, digits, and . _ - between them. Several operations: resolve 50 151 --delivered",
            param_hint="--delivered-as",
        )
    return text


def _show_evidence(db: Database, operation_id: int, *, is_one_of_several: bool) -> None:
    """Print the operation's history on standard error, before the person says yes."""
    details = read_operation(db, operation_id)
    if is_one_of_several and details:
        terminal.print_error(f"{operation_id} ({details.row['kind']}:{details.row['source_id']})")
    for entry in details.history if details else ():
        status = f", HTTP {entry['http_status']}" if entry["http_status"] is not None else ""
        wrote = {True: "written", False: "nothing written", None: "not known whether written"}[entry["written"]]
        text = f"{entry['event']}{status}, {wrote}, {entry['outcome'] or ''} {entry['code'] or ''}"
        terminal.print_error(
            f"  {terminal.format_moment(entry['at'])}  attempt {entry['attempt']}: {terminal.as_words(text)}"
        )
