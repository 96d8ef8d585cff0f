"""`vitec-sync list` and `show`: print operations for people to look at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, cast

import typer
from sqlalchemy import RowMapping

from models import FINAL, Event, State
from worker import bootstrap
from worker.cli import options, terminal
from worker.cli.deciding import make_decider
from worker.kind import Call
from worker.kind.problems import BadCells
from worker.kinds import KIND_BY_NAME
from worker.outbox.operators.actions import record_action
from worker.outbox.views.operations import OperationDetails, list_operations, read_operation

WHY_AT_MOST = 60
"""Characters of the reason in a list; `show` has it whole."""

VITECS_WORDS = frozenset({"refused", "not_found", "unauthorized", "forbidden", "throttled"})
"""Codes with which the detail is an answer's own text; with any other it is ours, or may be."""


def list_(
    state: options.States = None,
    kind: options.Kinds = None,
    customer: options.Customers = None,
    code: options.Codes = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.")] = None,
    needs_person: Annotated[bool, typer.Option("--needs-person", help="Only those that wait for a person.")] = False,
    parent_missing: Annotated[
        bool, typer.Option("--parent-missing", help="Only those that come after one that is not there, or in a circle.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many at most.")] = 50,
    before: Annotated[int | None, typer.Option(min=1, help="Only with lower numbers: the next page.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List operations, newest first. Filters are combined; each may be given several times."""
    operation_filter = options.make_filter(
        state, kind, customer, code, feed, needs_person=needs_person, parent_missing=parent_missing
    )
    rows = list_operations(bootstrap.database(), operation_filter, limit=limit, before=before)
    if as_json:
        terminal.print_json([terminal.as_plain_row(row) for row in rows])
        return
    if not rows:
        terminal.print_line("There is no such operation.")
        return
    current_time = datetime.now(UTC)
    terminal.print_table(
        ("id", "kind", "source id", "customer", "state", "code", "why", "when (Stockholm)"),
        [_list_cells(row, current_time) for row in rows],
    )
    if len(rows) == limit and terminal.is_terminal():
        terminal.print_line(f"There may be more: --before {rows[-1]['id']}", "dim")


def _list_cells(row: RowMapping, current_time: datetime) -> tuple[object, ...]:
    flag = " !" if row["needs_person"] else ""
    state = terminal.style_state(row["state"].value).append(flag)
    named = (str(row["id"]), row["kind"], row["source_id"], row["customer_id"])
    detail = " ".join((row["error_detail"] or "").split())
    return (
        *named,
        state,
        row["error_code"] or "",
        detail if len(detail) <= WHY_AT_MOST else f"{detail[: WHY_AT_MOST - 1]}…",
        _describe_moment(row, current_time),
    )


def _describe_moment(row: RowMapping, current_time: datetime) -> str:
    """Name the moment that matters, and which it is: of the end, else of the next attempt, else of the recording."""
    if row["state"] in FINAL:
        name, moment = "ended", row["finalized_at"]
    elif row["state"] in {State.PENDING, State.RETRYABLE}:
        name, moment = "next", row["next_attempt_at"]
    else:
        name, moment = "recorded", row["created_at"]
    return f"{name} {terminal.format_moment(moment, at=current_time, seconds=False, zone=False)}"


def show(
    operation: options.Operation,
    feed: options.Feed = "crm",
    reveal: Annotated[bool, typer.Option("--reveal", help="Show personal data: notes, messages, subjects …")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show all that is known of one operation: its content, its history, and what keeps it from being sent.

    Personal data, in the content and in answers that were not as expected, is masked unless you ask for it with --reveal, which leaves a trace.
    """
    db = bootstrap.database()
    (operation_id,) = options.find_operation_ids(db, [operation], feed)
    details = read_operation(db, operation_id)
    if details is None:
        raise terminal.CannotBeDone(f"There is no operation {operation}: `vitec-sync list` shows those there are.")
    if reveal:
        with record_action(db, make_decider(None, None), "show --reveal", {"ids": [operation_id]}) as action:
            action.affected = 1
    if as_json:
        terminal.print_json(_as_data(details, reveal=reveal))
    else:
        _print_details(details, reveal=reveal)


def _print_details(details: OperationDetails, *, reveal: bool) -> None:
    row = details.row
    terminal.print_line(f"Operation {row['id']}, {row['kind']}:{row['source_id']}", "bold")
    terminal.print_pairs(_detail_pairs(details))
    terminal.print_heading("Content")
    if row["payload"] is None:
        terminal.print_line("Blanked: its time of keeping is over.", "dim")
    terminal.print_pairs(_payload_pairs(row["payload"], reveal=reveal))
    if row["revision"] is not None:
        is_late = row["state"] is State.SUCCEEDED
        fate = "came too late: make it in Vitec by hand" if is_late else "waits for the verdict"
        terminal.print_heading(f"New content from the CRM, which {fate}")
        terminal.print_pairs(_payload_pairs(row["revision"].get("payload"), reveal=reveal))
    if row["answer"] is not None:
        terminal.print_heading("Vitec's answer")
        answer = row["answer"]
        terminal.print_pairs(answer.items() if isinstance(answer, dict) else [("answer", answer)])
    _print_history(details)
    if texts := [entry for entry in details.history if entry["answer_text"] is not None]:
        terminal.print_heading("Answers that were not as expected")
        terminal.print_pairs(
            (
                f"Try {entry['attempt']}, {_describe_event(entry)}",
                f"{entry['answer_shape']}: {entry['answer_text'] if reveal else HIDDEN}",
            )
            for entry in texts
        )


def _detail_pairs(details: OperationDetails) -> Iterator[tuple[str, object]]:
    row = details.row
    yield "State", terminal.style_state(row["state"].value).append(", needs a person" if row["needs_person"] else "")
    yield "Code", row["error_code"]
    yield "Vitec's words" if row["error_code"] in VITECS_WORDS else "Detail", row["error_detail"]
    yield "Remote id", row["remote_id"]
    yield "Customer", row["customer_id"]
    yield "Feed", row["feed"]
    yield "File", None if details.file is None else f"{details.file}, line {row['line']}"
    yield "Attempts", f"{row['attempt']}, {row['failures']} of {row['max_failures']} failures"
    yield "Call at Vitec", _describe_call(details)
    yield from _time_pairs(row)
    yield "Comes after", _describe_parent(details)
    yield "Waited for by", terminal.count_noun(details.children, "operation") if details.children else None
    for hold in details.holds:
        until = "somebody resumes it" if hold["until"] is None else terminal.format_moment(hold["until"])
        yield "Held", f"{hold['reason']} ({hold['scope']}) until {until}"
    yield "Cancel asked", "yes" if row["cancel_asked"] else None
    yield "Accepted", "yes: Vitec said so, only its answer is lost" if row["accepted"] else None


def _time_pairs(row: RowMapping) -> Iterator[tuple[str, object]]:
    yield "Recorded", terminal.format_moment(row["created_at"])
    yield "Not before", terminal.format_moment(row["send_after"])
    if row["state"] in {State.PENDING, State.RETRYABLE}:
        yield "Next attempt", terminal.format_moment(row["next_attempt_at"])
    yield "Too late from", terminal.format_moment(row["expires_at"])
    yield "In doubt since", terminal.format_moment(row["doubt_since"])
    yield "Ended", terminal.format_moment(row["finalized_at"])
    if row["state"] in FINAL | {State.IN_DOUBT}:
        yield "Told to the CRM", terminal.format_moment(row["reported_at"]) or "not yet"


def _describe_parent(details: OperationDetails) -> str | None:
    row, parent = details.row, details.parent
    if row["after_source_id"] is None:
        return None
    named = f"{row['after_kind']}:{row['after_source_id']}"
    return (
        f"{named}, not known yet"
        if parent is None
        else f"{named} ({parent['id']}, {terminal.as_words(parent['state'])})"
    )


def _print_history(details: OperationDetails) -> None:
    terminal.print_heading("History")
    if not details.history:
        terminal.print_line("Nothing has been tried yet.", "dim")
        return
    terminal.print_table(
        ("when (Stockholm)", "sent", "took", "try", "event", "outcome", "code", "detail"),
        [
            (
                terminal.format_moment(entry["at"], zone=False),
                terminal.format_moment(find_sending_time(entry, details.row), at=entry["at"], zone=False),
                "" if entry["seconds"] is None else f"{entry['seconds']:.1f} s",
                str(entry["attempt"]),
                _describe_event(entry),
                terminal.style_state(entry["outcome"] or ""),
                entry["code"] or "",
                entry["detail"] or entry["remote_id"] or "",
            )
            for entry in details.history
        ],
    )


def find_sending_time(entry: RowMapping, row: RowMapping) -> datetime | None:
    """Find when the attempt of a history's entry was handed over to be sent; None: it was no attempt, or is not known."""
    if entry["event"] != Event.SENT or entry["written"] is False:
        return None
    if entry["attempt"] == 1 and row["first_claimed_at"] is not None:
        return cast("datetime", row["first_claimed_at"])
    # An entry is written when the attempt is settled, which is as soon as it has ended.
    return None if entry["seconds"] is None else cast("datetime", entry["at"]) - timedelta(seconds=entry["seconds"])


def _find_call(row: RowMapping) -> Call | None:
    """Give the request as it stands in Vitec's call log; None: it was never tried, or its content is blanked."""
    if not row["attempt"] or row["payload"] is None or row["kind"] not in KIND_BY_NAME:
        return None
    try:
        return KIND_BY_NAME[row["kind"]].from_payload(row["payload"]).call(f"{row['id']}.{row['attempt']}")
    except BadCells:
        return None


def _describe_call(details: OperationDetails) -> str | None:
    """Say what to look for in Vitec's call log."""
    call = _find_call(details.row)
    if call is None:
        return None
    moments = [moment for entry in details.history if (moment := find_sending_time(entry, details.row)) is not None]
    since = f", sent {terminal.format_moment(moments[-1])}" if moments else ""
    return f"{call.method} {call.path}{since} (X-Request-Id {call.request_id})"


def _describe_event(entry: RowMapping) -> str:
    event = terminal.as_words(entry["event"])
    if entry["http_status"] is not None:
        return f"{event}, HTTP {entry['http_status']}"
    if entry["event"] == Event.SENT and entry["written"] is False:
        return "tried, nothing was written"
    return f"{event} by {entry['by']}" if entry["event"] == "decided" and entry["by"] else event


HIDDEN = "(hidden: --reveal)"

_PLAIN_ENDS = ("_id", "_at", "date", "_pattern", "_of_weeks", "recipients")
"""Endings of fields that hold no personal data: ids, times, words of Vitec's own."""


def mask_payload(payload: dict[str, Any] | None) -> dict[str, Any]:
    """Hide text that could be personal; a field that is not known to be plain is taken for personal."""
    return {
        name: value if not isinstance(value, str | list | dict) or name.endswith(_PLAIN_ENDS) else HIDDEN
        for name, value in (payload or {}).items()
    }


def _payload_pairs(payload: dict[str, Any] | None, *, reveal: bool) -> Iterator[tuple[str, object]]:
    for name, value in ((payload or {}) if reveal else mask_payload(payload)).items():
        yield name, ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _as_data(details: OperationDetails, *, reveal: bool) -> dict[str, Any]:
    data = terminal.as_plain_row(details.row)
    if not reveal:
        data["payload"] = None if data["payload"] is None else mask_payload(data["payload"])
        if data["revision"] is not None:
            data["revision"] = {**data["revision"], "payload": mask_payload(data["revision"].get("payload"))}
    call = _find_call(details.row)
    return {
        **data,
        "call": call and {"method": call.method, "path": call.path, "request_id": call.request_id},
        "file": details.file,
        "parent": None if details.parent is None else terminal.as_plain_row(details.parent),
        "children": details.children,
        "holds": [terminal.as_plain_row(hold) for hold in details.holds],
        "history": [
            {
                **terminal.as_plain_row(entry, without=["operation_id"]),
                "sent_at": find_sending_time(entry, details.row),
                "answer_text": entry["answer_text"] if reveal or entry["answer_text"] is None else HIDDEN,
            }
            for entry in details.history
        ],
    }
