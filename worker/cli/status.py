"""`vitec-sync status`: is all well? If not, the concerns and their remedies."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text
from sqlalchemy import RowMapping

from models import EVERY_FEED, WAITING, State
from worker import bootstrap
from worker.cli import terminal
from worker.concerns import Concern, Severity, find_concerns
from worker.explaining.wording import name_scope
from worker.outbox.views.overview import Overview, VitecLead, read_overview
from worker.settings import Settings

MAX_LINES = 10
"""Lines shown of a list; the rest is a number."""

_STYLES = {Severity.CRITICAL: "bold red", Severity.ERROR: "bold yellow", Severity.WARNING: "yellow"}


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    live: Annotated[bool, typer.Option("--live", help="Leave out what has ended: quick also with millions.")] = False,
) -> None:
    """Tell at a glance whether all is well.

    Exit status 0: it is; 3: a person is needed. Counting what has ended reads all operations; `--live` does not.
    """
    overview = read_overview(bootstrap.database(), finals=not live)
    settings = bootstrap.settings()
    concerns = list(
        find_concerns(
            overview,
            parent_missing_after=settings.parent_missing_after,
            broker_fault=bootstrap.broker_fault(),
            configured=settings.vitec_base_url,
            skew=settings.look_up_skew,
            feeds_fault=_find_feeds_fault(settings),
        )
    )
    if as_json:
        terminal.print_json(_as_data(overview, concerns))
    else:
        _print_overview(overview, concerns)
    if concerns:
        raise typer.Exit(3)


def _find_feeds_fault(settings: Settings) -> str | None:
    """Say why the file of feeds cannot be used; None: it can, or is not there."""
    from worker.feeding import FeedsError, load_feeds

    try:
        load_feeds(settings)
    except FeedsError as error:
        return str(error)
    return None


def _print_overview(overview: Overview, concerns: list[Concern]) -> None:
    if concerns:
        for concern in concerns:
            terminal.print_line(concern.text, _STYLES[concern.severity])
            terminal.print_line(f"  {concern.advice}", "dim")
            if concern.command:
                terminal.print_line(f"    {concern.command}", "cyan")
    else:
        terminal.print_line("All is well.", "bold green")
    terminal.print_line()
    terminal.print_pairs(_overview_pairs(overview))
    if overview.counts:
        terminal.print_line()
        terminal.print_table(*_count_table(overview.counts), numbers=range(1, 100))
    _print_holds(overview)
    _print_turns(overview)
    _print_files(overview)


def _overview_pairs(overview: Overview) -> Iterator[tuple[str, object]]:
    yield "Vitec", overview.base_url or "not known before a worker has started"
    yield "Database", bootstrap.settings().origin
    if overview.vitec_clock is not None:
        yield "Vitec's clock", _describe_lead(overview.vitec_clock, overview.at)
    yield "Last dispatch", _format_age(overview.dispatched_at, overview.at) or "never"
    for sink in overview.sinks:
        yield (
            f"Results of {'every feed' if sink['name'] == EVERY_FEED else sink['name']}",
            _describe_sink(sink, overview.at),
        )
    waiting = sum(number for (_, state), number in overview.counts.items() if state in WAITING)
    held = f", {_format_number(overview.held)} of them held" if overview.held else ""
    yield "Waiting", f"{_format_number(waiting)}{held}"
    if overview.lost:
        since = terminal.format_moment(overview.lost_since, at=overview.at, seconds=False)
        lost = f"{_format_number(overview.lost)}, the oldest since {since} (vitec-sync list --parent-missing)"
        yield "Waiting for a parent that is not there", lost
    if overview.due_since is not None:
        lanes = terminal.count_noun(overview.due_lanes, "lane")
        since = terminal.format_moment(overview.due_since, at=overview.at, seconds=False)
        yield "Due now", f"{lanes}, the first since {since}"
    if overview.unreported or overview.unreported_rejected:
        rejected = (
            f" and {terminal.count_noun(overview.unreported_rejected, 'rejected row')}"
            if overview.unreported_rejected
            else ""
        )
        yield "Not yet told", f"{terminal.count_noun(overview.unreported, 'operation')}{rejected} (vitec-sync results)"


def _describe_sink(sink: RowMapping, at: datetime) -> str:
    """Say when results last went there, and whether they arrive."""
    newest = "none yet" if sink["told_at"] is None else f"no. {sink['number']}, {_format_age(sink['told_at'], at)}"
    if sink["failing_since"] is None:
        return newest
    return f"{newest}; failing since {terminal.format_moment(sink['failing_since'], at=at, seconds=False)}"


def _describe_lead(measured: VitecLead, at: datetime) -> str:
    """Say where Vitec's clock stands, in words that promise no more than is known."""
    exactly = f"give or take {measured.within:.1f} s, {_format_age(measured.at, at)}"
    if abs(measured.lead) <= measured.within:
        return f"as the database's, {exactly}"
    side = "ahead of" if measured.lead > 0 else "behind"
    return f"{abs(measured.lead):.1f} s {side} the database's, {exactly}"


def _count_table(counts: dict[tuple[str, State], int]) -> tuple[list[str], list[list[object]]]:
    """Count the states by kind, with sums; states and kinds without any operation are left out."""
    kinds = sorted({kind for kind, _ in counts})
    states = [state for state in State if any((kind, state) in counts for kind in kinds)]
    rows: list[list[object]] = []
    for state in states:
        numbers = [counts.get((kind, state), 0) for kind in kinds]
        rows.append(
            [
                terminal.style_state(state.value),
                *(_format_number(number) if number else "-" for number in numbers),
                _format_number(sum(numbers)),
            ]
        )
    return ["", *(terminal.as_words(kind).replace(" ", "\n") for kind in kinds), "all"], rows


def _format_number(number: int) -> str:
    return f"{number:,}".replace(",", "\N{NO-BREAK SPACE}")


def _print_holds(overview: Overview) -> None:
    if not overview.holds:
        return
    terminal.print_heading("Held")
    terminal.print_table(
        ("what", "why", "since", "until", "who and why"),
        [
            (
                name_scope(hold),
                Text(terminal.as_words(hold["reason"]), style="yellow"),
                terminal.format_moment(hold["since"], at=overview.at, seconds=False),
                _describe_end(hold, overview.at),
                ": ".join(filter(None, (hold["by"], hold["note"] or hold["cause"]))),
            )
            for hold in overview.holds
        ],
    )


def _describe_end(hold: RowMapping, at: datetime) -> str:
    if hold["until"] is None:
        return "resumed"
    return terminal.format_moment(hold["until"], at=at, seconds=False) if hold["holds"] else "one goes first"


def _print_turns(overview: Overview) -> None:
    if not overview.turns:
        return
    terminal.print_heading("At work")
    rows = [(turn["customer_id"], terminal.as_words(turn["kind"]), turn["worker"] or "") for turn in overview.turns]
    terminal.print_table(("customer", "kind", "worker"), rows[:MAX_LINES])
    if len(rows) > MAX_LINES:
        terminal.print_line(f"and {terminal.count_noun(len(rows) - MAX_LINES, 'more lane')}", "dim")


def _print_files(overview: Overview) -> None:
    if not overview.files:
        return
    terminal.print_heading("Latest files")
    terminal.print_table(
        ("file", "taken in", "recorded", "changed", "unchanged", "rejected"),
        [
            (
                file["name"],
                terminal.format_moment(file["finished_at"], at=overview.at, seconds=False) or "not finished",
                *map(_format_number, (file["recorded"], file["revised"] + file["requeued"])),
                *map(_format_number, (file["unchanged"], file["rejected"])),
            )
            for file in overview.files
        ],
        numbers=range(2, 6),
    )


def _format_age(moment: datetime | None, at: datetime) -> str:
    return "" if moment is None else f"{terminal.format_duration(at - moment)} ago"


def _as_data(overview: Overview, concerns: list[Concern]) -> dict[str, Any]:
    counts: dict[str, dict[str, int]] = {}
    for (kind, state), number in sorted(overview.counts.items()):
        counts.setdefault(kind, {})[state.value] = number
    return {
        "well": not concerns,
        "concerns": [_concern_data(concern) for concern in concerns],
        "at": overview.at,
        "base_url": overview.base_url,
        "origin": bootstrap.settings().origin,
        "vitec_clock": overview.vitec_clock and _lead_data(overview.vitec_clock),
        "dispatched_at": overview.dispatched_at,
        "counts": counts,
        "need_person": overview.need_person,
        "held": overview.held,
        "parent_missing": overview.lost,
        "parent_missing_since": overview.lost_since,
        "due_lanes": overview.due_lanes,
        "due_since": overview.due_since,
        "holds": [terminal.as_plain_row(hold, without=["id"]) for hold in overview.holds],
        "turns": [terminal.as_plain_row(turn, without=["due_at"]) for turn in overview.turns],
        "files": [terminal.as_plain_row(file, without=["content_hash"]) for file in overview.files],
        "sinks": [terminal.as_plain_row(sink, without=["token", "lease_until"]) for sink in overview.sinks],
        "unreported": overview.unreported,
        "unreported_rejected": overview.unreported_rejected,
    }


def _lead_data(measured: VitecLead) -> dict[str, Any]:
    return {"lead": round(measured.lead, 3), "within": round(measured.within, 3), "measured_at": measured.at}


def _concern_data(concern: Concern) -> dict[str, Any]:
    return {
        "what": concern.text,
        "remedy": concern.remedy,
        "code": concern.code,
        "severity": concern.severity,
        "command": concern.command or None,
        "since": concern.since,
        "count": concern.count,
        **({"facts": dict(concern.data)} if concern.data else {}),
    }
