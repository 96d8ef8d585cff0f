"""`vitec-sync status`: is all well? If not, what is wrong, and what helps."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import RowMapping

from models import WAITING, Reason, State
from worker import bootstrap
from worker.cli import terminal
from worker.explaining.wording import scope_name, scope_options
from worker.outbox.views.overview import Overview, read_overview

SILENT = timedelta(seconds=60)
"""Without a dispatch for so long, while work is due, no worker and no beat can be running."""

SLOW = timedelta(minutes=15)
"""A lane that has been due for so long is not served as it should be."""

MANY = 10
"""Lines of one sort that are shown; the rest is a number."""

_FOR_A_PERSON = {
    Reason.UNAUTHORIZED: "Vitec refuses the login",
    Reason.FORBIDDEN: "Vitec refuses access",
    Reason.REDIRECTED: "Vitec's address answers with a redirect",
}


@dataclass(frozen=True, slots=True)
class Concern:
    """Something that a person should see to, and the command or deed that helps."""

    what: str
    remedy: str


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Leave out what has ended: quick also with millions.")] = False,
) -> None:
    """Tell at a glance whether all is well.

    Exit status 0: it is; 3: a person is needed. Counting what has ended reads all operations; `--live` does not.
    """
    seen = read_overview(bootstrap.database(), finals=not live)
    concerns = list(concerns_of(seen))
    if as_json:
        terminal.as_json(_as_data(seen, concerns))
    else:
        _print(seen, concerns)
    if concerns:
        raise typer.Exit(3)


def concerns_of(seen: Overview) -> Iterator[Concern]:
    """Say what needs a person, the most pressing first."""
    if seen.need_person:
        operations = terminal.count(seen.need_person, "operation needs", "operations need")
        yield Concern(f"{operations} a person.", "vitec-sync list --needs-person")
    for hold in seen.holds:
        if hold["reason"] in _FOR_A_PERSON:
            again = f" {scope_options(hold)} --reason {hold['reason']}"
            what = f"{_FOR_A_PERSON[hold['reason']]}: {scope_name(hold)}."
            yield Concern(what, f"Put it right, then vitec-sync resume{again}")
    if seen.due_since is None:
        return
    waited = seen.at - seen.due_since
    if waited > SILENT and (seen.dispatched_at is None or seen.at - seen.dispatched_at > SILENT):
        yield Concern("Work is due, and no worker calls for it.", "Start celery -A worker worker and beat")
    elif waited > SLOW:
        yield Concern(f"A lane has been due for {terminal.span(waited)}.", "Are workers running, and enough of them?")


def _print(seen: Overview, concerns: list[Concern]) -> None:
    if concerns:
        for concern in concerns:
            terminal.line(concern.what, "bold yellow")
            terminal.line(f"  {concern.remedy}", "dim")
    else:
        terminal.line("All is well.", "bold green")
    terminal.line()
    terminal.pairs(_facts(seen))
    if seen.counts:
        terminal.line()
        terminal.table(*_table(seen.counts), numbers=range(1, 100))
    _print_holds(seen)
    _print_turns(seen)
    _print_files(seen)


def _facts(seen: Overview) -> Iterator[tuple[str, object]]:
    yield "Vitec", seen.base_url or "not known before a worker has started"
    yield "Last dispatch", _ago(seen.dispatched_at, seen.at) or "never"
    waiting = sum(number for (_, state), number in seen.counts.items() if state in WAITING)
    held = f", {_number(seen.held)} of them held" if seen.held else ""
    yield "Waiting", f"{_number(waiting)}{held}"
    if seen.lost:
        since = terminal.moment(seen.lost_since, now=seen.at, seconds=False)
        lost = f"{_number(seen.lost)}, the oldest since {since} (vitec-sync list --parent-missing)"
        yield "Waiting for a parent that is not there", lost
    if seen.due_since is not None:
        lanes = terminal.count(seen.due_lanes, "lane")
        yield "Due now", f"{lanes}, the first since {terminal.moment(seen.due_since, now=seen.at, seconds=False)}"
    if seen.unreported or seen.unreported_rejected:
        rejected = (
            f" and {terminal.count(seen.unreported_rejected, 'rejected row')}" if seen.unreported_rejected else ""
        )
        yield "Not yet told", f"{terminal.count(seen.unreported, 'operation')}{rejected} (vitec-sync results)"


def _table(counts: dict[tuple[str, State], int]) -> tuple[list[str], list[list[object]]]:
    """Draw up states by kind, with sums; states and kinds without any operation are left out."""
    kinds = sorted({kind for kind, _ in counts})
    states = [state for state in State if any((kind, state) in counts for kind in kinds)]
    rows: list[list[object]] = []
    for state in states:
        numbers = [counts.get((kind, state), 0) for kind in kinds]
        rows.append(
            [
                terminal.state(state.value),
                *(_number(number) if number else "-" for number in numbers),
                _number(sum(numbers)),
            ]
        )
    return ["", *(terminal.words(kind).replace(" ", "\n") for kind in kinds), "all"], rows


def _number(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


def _print_holds(seen: Overview) -> None:
    if not seen.holds:
        return
    terminal.heading("Held")
    terminal.table(
        ("what", "why", "since", "until", "who and why"),
        [
            (
                scope_name(hold),
                Text(terminal.words(hold["reason"]), style="yellow"),
                terminal.moment(hold["since"], now=seen.at, seconds=False),
                _until(hold, seen.at),
                ": ".join(filter(None, (hold["by"], hold["note"]))),
            )
            for hold in seen.holds
        ],
    )


def _until(hold: RowMapping, at: datetime) -> str:
    if hold["until"] is None:
        return "resumed"
    return terminal.moment(hold["until"], now=at, seconds=False) if hold["holds"] else "one goes first"


def _print_turns(seen: Overview) -> None:
    if not seen.turns:
        return
    terminal.heading("At work")
    rows = [(turn["customer_id"], terminal.words(turn["kind"]), turn["worker"] or "") for turn in seen.turns]
    terminal.table(("customer", "kind", "worker"), rows[:MANY])
    if len(rows) > MANY:
        terminal.line(f"and {terminal.count(len(rows) - MANY, 'more lane')}", "dim")


def _print_files(seen: Overview) -> None:
    if not seen.files:
        return
    terminal.heading("Latest files")
    terminal.table(
        ("file", "taken in", "recorded", "changed", "unchanged", "rejected"),
        [
            (
                file["name"],
                terminal.moment(file["finished_at"], now=seen.at, seconds=False) or "not finished",
                *map(_number, (file["recorded"], file["revised"] + file["requeued"])),
                *map(_number, (file["unchanged"], file["rejected"])),
            )
            for file in seen.files
        ],
        numbers=range(2, 6),
    )


def _ago(then: datetime | None, now: datetime) -> str:
    return "" if then is None else f"{terminal.span(now - then)} ago"


def _as_data(seen: Overview, concerns: list[Concern]) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for (kind, state), number in sorted(seen.counts.items()):
        counts.setdefault(kind, {})[state.value] = number
    return {
        "well": not concerns,
        "concerns": [{"what": concern.what, "remedy": concern.remedy} for concern in concerns],
        "at": seen.at,
        "base_url": seen.base_url,
        "dispatched_at": seen.dispatched_at,
        "counts": counts,
        "need_person": seen.need_person,
        "held": seen.held,
        "parent_missing": seen.lost,
        "parent_missing_since": seen.lost_since,
        "due_lanes": seen.due_lanes,
        "due_since": seen.due_since,
        "holds": [terminal.row(hold, without=["id"]) for hold in seen.holds],
        "turns": [terminal.row(turn, without=["due_at"]) for turn in seen.turns],
        "files": [terminal.row(file, without=["content_hash"]) for file in seen.files],
        "unreported": seen.unreported,
        "unreported_rejected": seen.unreported_rejected,
    }
