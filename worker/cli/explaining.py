"""`vitec-sync explain`: why has this not been sent, what happens next and when, and who can change it?"""

from collections.abc import Iterator
from typing import Annotated, Any

import typer
from rich.text import Text

from models import WAITING
from worker import bootstrap
from worker.cli import options, terminal
from worker.explaining import Explanation, Limits, Reason, explain


def explain_(
    operation: options.Operation,
    feed: options.Feed = "crm",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell why an operation has not been sent: each reason, what happens next and when, and what you can do.

    The reasons stand in the order in which they must fall away. Nothing is changed.
    """
    db = bootstrap.database()
    (operation_id,) = options.find_operation_ids(db, [operation], feed)
    settings = bootstrap.settings()
    limits = Limits(rate=settings.vitec_requests_per_second, in_flight=settings.vitec_in_flight)
    explanation = explain(db, operation_id, limits)
    if explanation is None:
        raise terminal.CannotBeDone(f"There is no operation {operation}: `vitec-sync list` shows those there are.")
    if as_json:
        terminal.print_json(_as_data(explanation))
    else:
        _print(explanation)


def _print(explanation: Explanation) -> None:
    operation = explanation.operation
    terminal.print_line(f"Operation {operation.id}, {operation.kind}:{operation.source_id}", "bold")
    terminal.print_pairs([("State", terminal.style_state(operation.state.value)), ("Customer", operation.customer_id)])
    terminal.print_heading("Why it has not been sent" if operation.state in WAITING else "How it stands")
    if explanation.reasons:
        terminal.print_pairs(_numbered(explanation.reasons))
    else:
        terminal.print_line("Nothing is in the way: it is due now, and the next in line.", "green")
    if explanation.notes:
        terminal.print_heading("Good to know")
        for note in explanation.notes:
            terminal.print_line(note.text)
    terminal.print_heading("What happens next")
    terminal.print_line(explanation.next.text)
    if explanation.commands:
        terminal.print_heading("What you can do")
        terminal.print_pairs((command.command, command.does) for command in explanation.commands)


def _numbered(reasons: tuple[Reason, ...], prefix: str = "") -> Iterator[tuple[str, object]]:
    for number, reason in enumerate(reasons, 1):
        remedy = Text(f"\n{terminal.make_visible(reason.remedy)}" if reason.remedy else "", style="cyan")
        yield f"{prefix}{number}", Text(terminal.make_visible(reason.text)).append_text(remedy)
        yield from _numbered(reason.parent_reasons, f"{prefix}{number}.")


def _as_data(explanation: Explanation) -> dict[str, Any]:
    names = ("id", "kind", "source_id", "customer_id", "feed", "state")
    step = explanation.next
    return {
        **{name: getattr(explanation.operation, name) for name in names},
        "at": explanation.at,
        "reasons": [_reason_data(reason) for reason in explanation.reasons],
        "notes": [{"note": note.code, **note.data, "text": note.text} for note in explanation.notes],
        "next": {"deed": step.action, "at": step.at, "now": step.is_now, "text": step.text},
        "commands": [{"command": command.command, "does": command.does} for command in explanation.commands],
    }


def _reason_data(reason: Reason) -> dict[str, Any]:
    data = {"reason": reason.code, **reason.data}
    if reason.code == "waits_for":
        data["reasons"] = [_reason_data(parent_reason) for parent_reason in reason.parent_reasons]
    return {**data, "text": reason.text, "remedy": reason.remedy or None}
