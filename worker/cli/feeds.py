"""`vitec-sync feeds`: the sources that are read by themselves."""

import os
import socket
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.text import Text

from worker import bootstrap
from worker.cli import options, terminal
from worker.cli.deciding import make_decider
from worker.cli.help_page import PlainCommand, PlainGroup, unwrap
from worker.cli.terminal import CannotBeDone
from worker.feeding import WAITS, FeedRunner, load_feeds
from worker.outbox import Database
from worker.outbox.database.sql import read_current_time
from worker.outbox.intake import feed_states
from worker.outbox.operators.actions import record_action
from worker.outbox.views.feeds import list_feeds

Name = Annotated[str, typer.Argument(metavar="NAME", help="The feed, as feeds.toml names it.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

_SHOW_HELP = """Show the feeds that run by themselves: last and next run, counts, state and finding.

A feed is a table of feeds.toml, beside .env or where FEEDS_FILE says: a folder, a query or an address. A running worker
and beat take in from each as its schedule says. Exit status 3: one has a finding or is stopped."""

app = typer.Typer(
    name="feeds", cls=PlainGroup, add_completion=False, pretty_exceptions_enable=False, help=unwrap(_SHOW_HELP)
)

_COUNTS = ("recorded", "revised", "requeued", "unchanged", "withdrawn", "rejected")


@app.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show all feeds."""
    if context.invoked_subcommand is not None:
        return
    db = bootstrap.database()
    _register(db)
    rows = list_feeds(db)
    with db.read() as connection:
        present = read_current_time(connection)
    if as_json:
        terminal.print_json({"at": present, "feeds": [_as_data(row) for row in rows]})
    else:
        _print_feeds(rows, present)
    if any(row["finding_code"] or row["stopped_at"] or row["is_silent"] for row in rows):
        raise typer.Exit(3)


def check(as_json: AsJson = False) -> None:
    """Read feeds.toml and name every fault with its key and the remedy. Nothing is fetched."""
    feeds = load_feeds(bootstrap.settings())
    if as_json:
        named = [{"name": feed.name, "source": feed.source} for feed in feeds]
        terminal.print_json({"file": str(feeds.file) if feeds.file else None, "feeds": named})
        return
    where = f"{feeds.file}" if feeds.file else "No feeds.toml is there"
    listed = ", ".join(f"{feed.name} ({feed.source})" for feed in feeds) or "no feeds"
    terminal.print_line(f"{where}: {listed}.")


def run(name: Name, as_json: AsJson = False) -> None:
    """Run a feed now, whether it is due or not, and tell how it went. Exit status 3: it has a finding."""
    db = bootstrap.database()
    runner = FeedRunner(db, bootstrap.settings(), bootstrap.ring)
    feeds = runner.register()
    row = _find(db, name)
    claim = feed_states.claim_named(db, f"{socket.gethostname()}:{os.getpid()}", name)
    if claim is None:
        why = "is stopped: `vitec-sync feeds start " + name + "`" if row["stopped_at"] else "is run at this moment"
        raise CannotBeDone(f"The feed {name} {why}.")
    counts = runner.run(feeds.by_name[name], claim)
    row = _find(db, name)
    if as_json:
        terminal.print_json({"run": dict(counts), "feed": _as_data(row)})
    else:
        counted = ", ".join(f"{counts[key]} {key}" for key in ("files", *_COUNTS) if counts[key])
        nothing = "the first rows went alone; the others wait for their answer" if counts[WAITS] else "nothing new"
        terminal.print_line(f"{name}: {counted or nothing}.")
        if row["finding"]:
            terminal.print_line(row["finding"], "yellow")
    if row["finding_code"]:
        raise typer.Exit(3)


def stop(
    name: Name,
    reason: Annotated[str | None, typer.Option(help="Why; it stays on record.", show_default=False)] = None,
    by: options.By = None,
) -> None:
    """Stop a feed until it is started. Rows that have been recorded are sent all the same."""
    db = bootstrap.database()
    _register(db)
    decider = make_decider(by, reason)
    with record_action(db, decider, "feeds stop", {"feed": name}) as action:
        action.affected = int(feed_states.stop(db, name, by=decider.by, reason=decider.reason))
    if not action.affected:
        raise CannotBeDone(_describe_unknown(db, name))
    terminal.print_line(f"The feed {name} is stopped.")


def start(
    name: Name,
    reason: Annotated[str | None, typer.Option(help="Why; it stays on record.", show_default=False)] = None,
    by: options.By = None,
) -> None:
    """Start a stopped feed. Its next export may have another form than the last: it is the one that counts from then on."""
    db = bootstrap.database()
    _register(db)
    _find(db, name)
    decider = make_decider(by, reason)
    with record_action(db, decider, "feeds start", {"feed": name}) as action:
        action.affected = int(feed_states.start(db, name))
    terminal.print_line(f"The feed {name} is {'started' if action.affected else 'not stopped'}.")


for _function in (check, run, stop, start):
    app.command(_function.__name__, cls=PlainCommand, help=unwrap(_function.__doc__))(_function)


def _register(db: Database) -> None:
    FeedRunner(db, bootstrap.settings(), bootstrap.ring).register()


def _find(db: Database, name: str) -> Mapping[Any, Any]:
    row = next((row for row in list_feeds(db) if row["name"] == name), None)
    if row is None:
        raise CannotBeDone(_describe_unknown(db, name))
    return row


def _describe_unknown(db: Database, name: str) -> str:
    names = ", ".join(row["name"] for row in list_feeds(db)) or "none: feeds.toml is missing or empty"
    return f"There is no feed {name}. The feeds are {names}."


def _print_feeds(rows: Any, present: datetime) -> None:
    if not rows:
        terminal.print_line("There are no feeds: write feeds.toml (docs/feeding.md), or set FEED_DIR.")
        return
    headings = ("feed", "source", "state", "schedule", "last run", "next run", "files", *_COUNTS)
    cells = [
        (
            row["name"],
            row["source"],
            Text(_state_of(row), style="yellow" if row["finding_code"] or row["stopped_at"] else ""),
            row["schedule"],
            terminal.format_moment(row["finished_at"], at=present, seconds=False),
            "" if row["stopped_at"] else terminal.format_moment(row["next_run_at"], at=present, seconds=False),
            *(row[name] for name in ("files", *_COUNTS)),
        )
        for row in rows
    ]
    terminal.print_table(headings, cells, numbers=range(6, 13))
    for row in rows:
        if row["finding"]:
            terminal.print_line(f"{row['name']}: {row['finding']}", "yellow")
        if row["stopped_by"]:
            why = f": {row['stopped_reason']}" if row["stopped_reason"] else ""
            terminal.print_line(f"{row['name']}: stopped by {row['stopped_by']}{why}", "yellow")


def _state_of(row: Mapping[Any, Any]) -> str:
    if row["stopped_at"]:
        return "stopped"
    if row["runs"]:
        return "running"
    if row["finding_code"]:
        return terminal.as_words(row["finding_code"])
    return "silent" if row["is_silent"] else "waiting"


def _as_data(row: Mapping[Any, Any]) -> dict[str, Any]:
    left_out = ("token", "lease_until", "failures", "runs", "is_silent", "silent_since")
    data = {"state": _state_of(row), **terminal.as_plain_row(row, without=left_out)}
    return {**data, "is_silent": bool(row["is_silent"])}
