"""`vitec-sync observe`: the shapes in which Vitec has answered."""

from typing import Annotated, Any

import typer

from worker import bootstrap
from worker.cli import options, terminal
from worker.outbox.views.answers import ObservedAnswers, observe_answers


def observe(
    kind: options.Kinds = None,
    newest: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="How many of the newest entries of the history to look at.")
    ] = 100_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Sum up in which shapes Vitec has answered: per kind, call and status.

    No content is shown: of a text only the classes of its characters, of an object the names of its members. The text
    itself, where it was not as documented: `vitec-sync show ID --reveal`.
    """
    kinds = options.make_filter(None, kind, None, None).kinds
    groups = observe_answers(bootstrap.database(), newest, kinds)
    if as_json:
        terminal.print_json([_as_data(group) for group in groups])
        return
    if not groups:
        terminal.print_line("No answer of Vitec's is on record yet.")
        return
    terminal.print_table(
        (
            "kind",
            "call",
            "status",
            "shape of the answer",
            "result",
            "answers",
            "id again",
            "latest (Stockholm)",
            "operation",
        ),
        [_cells(group) for group in groups],
    )


def _call(group: ObservedAnswers) -> str:
    return "look-up" if group.observation.is_look_up else "send"


def _cells(group: ObservedAnswers) -> tuple[object, ...]:
    observation = group.observation
    return (
        observation.kind,
        _call(group),
        str(observation.http_status),
        observation.shape,
        terminal.as_words(observation.result),
        str(group.count),
        str(group.repeated or ""),
        terminal.format_moment(group.latest, zone=False),
        str(group.operation_id),
    )


def _as_data(group: ObservedAnswers) -> dict[str, Any]:
    observation = group.observation
    return {
        "kind": observation.kind,
        "call": "look_up" if observation.is_look_up else "send",
        "http_status": observation.http_status,
        "shape": observation.shape,
        "result": observation.result,
        "count": group.count,
        "repeated_ids": group.repeated,
        "since": group.since,
        "latest": group.latest,
        "operation_id": group.operation_id,
    }
