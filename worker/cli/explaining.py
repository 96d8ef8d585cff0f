"""`vitec-sync explain`: why has this not been sent, what happens next and when, and who can change it?"""

from collections.abc import Iterator
from dataclasses import fields
from typing import Annotated, Any

import typer
from rich.text import Text

from models import WAITING
from worker import bootstrap
from worker.cli import options, terminal
from worker.explaining import Explanation, Limits, Reason, explain, sentences
from worker.explaining.reasons import WaitsFor, in_words


def explain_(
    operation: options.Operation,
    feed: options.Feed = "crm",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell why an operation has not been sent: each reason, what happens next and when, and what you can do.

    The reasons stand in the order in which they must fall away. Nothing is changed.
    """
    db = bootstrap.database()
    (found,) = options.ids_of(db, [operation], feed)
    configured = bootstrap.settings()
    limits = Limits(rate=configured.vitec_requests_per_second, in_flight=configured.vitec_in_flight)
    explanation = explain(db, found, limits)
    if explanation is None:
        raise terminal.CannotBeDone(f"There is no operation {operation}: `vitec-sync list` shows those there are.")
    if as_json:
        terminal.as_json(_as_data(explanation))
    else:
        _print(explanation)


def _print(one: Explanation) -> None:
    terminal.line(f"Operation {one.id}, {one.kind}:{one.source_id}", "bold")
    terminal.pairs([("State", terminal.state(one.state.value)), ("Customer", one.customer_id)])
    terminal.heading("Why it has not been sent" if one.state in WAITING else "How it stands")
    if one.reasons:
        terminal.pairs(_numbered(one.reasons, one))
    else:
        terminal.line("Nothing is in the way: it is due now, and the next in line.", "green")
    if one.notes:
        terminal.heading("Good to know")
        for note in one.notes:
            terminal.line(sentences.noted(note, one.at))
    terminal.heading("What happens next")
    terminal.line(sentences.foretold(one.next, one.at))
    if one.commands:
        terminal.heading("What you can do")
        terminal.pairs([(each.command, each.does) for each in one.commands])


def _numbered(reasons: tuple[Reason, ...], one: Explanation, prefix: str = "") -> Iterator[tuple[str, object]]:
    for number, reason in enumerate(reasons, 1):
        said = sentences.said(reason, one.at)
        remedy = Text(f"\n{terminal.clean(said.remedy)}" if said.remedy else "", style="cyan")
        yield f"{prefix}{number}", Text(terminal.clean(said.text)).append_text(remedy)
        if isinstance(reason, WaitsFor):
            yield from _numbered(reason.reasons, one, f"{prefix}{number}.")


def _as_data(one: Explanation) -> dict[str, Any]:
    return {
        "id": one.id,
        "kind": one.kind,
        "source_id": one.source_id,
        "customer_id": one.customer_id,
        "feed": one.feed,
        "state": one.state,
        "at": one.at,
        "reasons": [_reason(reason, one) for reason in one.reasons],
        "notes": [
            {"note": in_words(note), **_parts(note), "text": sentences.noted(note, one.at)} for note in one.notes
        ],
        "next": {**_parts(one.next), "text": sentences.foretold(one.next, one.at)},
        "commands": [_parts(command) for command in one.commands],
    }


def _reason(reason: Reason, one: Explanation) -> dict[str, Any]:
    said = sentences.said(reason, one.at)
    parts = _parts(reason)
    if isinstance(reason, WaitsFor):
        parts["reasons"] = [_reason(each, one) for each in reason.reasons]
    return {"reason": in_words(reason), **parts, "text": said.text, "remedy": said.remedy or None}


def _parts(value: Any) -> dict[str, Any]:
    return {field.name: getattr(value, field.name) for field in fields(value)}
