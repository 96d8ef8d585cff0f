"""`vitec-sync demo`: the whole main job on this machine, against a stand-in for Vitec that misbehaves a little."""

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import URL, func, or_, select

from models import FeedFile, Operation, RejectedRow, State
from worker.cli import terminal
from worker.cli.audit import Audit, audit
from worker.cli.demo.afterwards import print_ways_on, print_where_next, write_settings
from worker.cli.demo.folder import DemoFolder, end_by_signals
from worker.cli.demo.processes import (
    DemoFailed,
    DemoProcesses,
    broker_command,
    clean_environment,
    find_broker,
    is_listening,
    program,
)
from worker.outbox import Database, connect
from worker.outbox.database.sql import as_of, current_time, later
from worker.outbox.predicates import in_flight, ready
from worker.sandbox import PASSWORD, USER

EXPORT = Path(__file__).with_name("export")
"""The example export: `examples/export` of the project, which the wheel holds too."""

A_DAY_LATER = "visningsavbokningar.csv"
"""The file that is taken in when the others have been sent: it takes back some of what stands in them."""

FAULTS: list[dict[str, Any]] = [
    {"fault": "unavailable_retry_after", "seconds": 1, "times": 1, "match": {"nth": 30}},
    {"fault": "unavailable_retry_after", "seconds": 1, "times": 1, "match": {"nth": 90}},
    # Each of these paths is asked for once: the fault strikes the same row in every run.
    {"fault": "bad_request", "match": {"path": "/M41207/ADR83B3993C28E5F0CDB170B3488AAAFC46"}},
    {"fault": "close_after_processing", "match": {"path": "/M41330/HAN82210030939B61E2840E20912388CB14"}},
]
LOST_ANSWERS = 1
"""Number of faults that leave it open whether Vitec has acted."""

PACE = {
    "VITEC_REQUESTS_PER_SECOND": "200",
    "VITEC_IN_FLIGHT": "20",
    "VITEC_TIMEOUT": "10",
    "DISPATCH_EVERY": "1",
    "HOUSEKEEPING_EVERY": "1",
}

DEADLINE = 120.0
"""Seconds within which the work must be done, on a slow machine too."""

SHOWN = 5
"""Lines of each list; the commands that are named show the rest."""


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Keep the folder with the database, ledger and logs.")] = False,
) -> None:
    """Run the main job from a CRM's export to ids and error states, on this machine alone, in less than a minute.

    A broker, a worker, beat and a stand-in for Vitec are started for it and ended with it. No setting of yours is
    used, and nothing leaves this machine.
    """
    find_broker()
    if isinstance(sys.stdout, io.TextIOWrapper):
        # In a pipe too, each step is told when it begins.
        sys.stdout.reconfigure(line_buffering=True)
    end_by_signals()
    is_fine = False
    with DemoFolder() as folder:
        if keep:
            folder.keep()
        try:
            is_fine = _play(folder)
        except DemoFailed as error:
            terminal.print_line(f"The demo broke off: {error}", "bold red")
        except SystemExit:
            with suppress(OSError):
                terminal.print_error(_describe_stop(folder))
            raise
        if not is_fine:
            folder.keep()
        if folder.is_kept:
            print_ways_on(folder.path)
        else:
            print_where_next()
    raise typer.Exit(0 if is_fine else 1)


def _describe_stop(folder: DemoFolder) -> str:
    return f"Stopped. Kept: {folder.path}" if folder.is_kept else "Stopped: what was started is ended and removed."


def _play(demo_folder: DemoFolder) -> bool:
    terminal.print_line("The main job, from a CRM's export to Vitec and back, against a stand-in for Vitec.", "bold")
    environment = clean_environment(os.environ)
    folder = demo_folder.path
    with DemoProcesses(folder, environment, demo_folder.note_start, demo_folder.note_end) as processes:
        try:
            with _prepared_database(processes) as db:
                _send_export(processes, db)
                return _print_outcome(db, audit(db, folder / "ledger.db"))
        except DemoFailed:
            for child in processes.children:
                terminal.print_heading(f"The last of {child.name}'s log")
                terminal.print_line(child.tail())
            raise


@contextmanager
def _prepared_database(processes: DemoProcesses) -> Iterator[Database]:
    """Start a broker and a sandbox, make the database, and give it."""
    folder = processes.folder
    terminal.print_line("Starting a broker and the stand-in, and making a database ...")
    command, port = broker_command(folder)
    processes.start("broker", command)
    (folder / "faults.json").write_text(json.dumps({"rules": FAULTS}), encoding="utf-8")
    ready_file = folder / "sandbox.url"
    options = {"--ledger": folder / "ledger.db", "--faults": folder / "faults.json", "--ready-file": ready_file}
    arguments = [str(part) for option in options.items() for part in option]
    processes.start("sandbox", program("worker.cli", "sandbox", "--latency", "5ms-25ms", *arguments))
    database = URL.create("sqlite", database=str(folder / "vitec-sync.db")).render_as_string()
    processes.environment |= {
        "STATE_DIR": str(folder),
        # The dates of its exports stand fast, and will pass.
        "EXPIRE_AT_OWN_DATE": "false",
        "DATABASE_URL": database,
        "BROKER_URL": f"redis://127.0.0.1:{port}",
    }
    processes.run("migrate", program("worker.cli", "migrate"), seconds=60)
    processes.wait_for("the broker", lambda: is_listening(port), seconds=20)
    url = processes.wait_for(
        "the sandbox", lambda: (ready_file.exists() and ready_file.read_text()) or None, seconds=20
    )
    processes.environment |= {"VITEC_BASE_URL": url, "VITEC_USERNAME": USER, "VITEC_PASSWORD": PASSWORD, **PACE}
    terminal.print_line(
        f"Broker: Valkey on 127.0.0.1:{port}. Vitec: the sandbox at {url}, told to fail {len(FAULTS)} times."
    )
    write_settings(processes, command, url)
    engine = connect(database)
    try:
        yield Database(engine)
    finally:
        engine.dispose()


def _send_export(processes: DemoProcesses, db: Database) -> None:
    """Take in the export and let real worker and beat processes send it."""
    terminal.print_line("Starting a worker and beat, and taking the export in ...")
    celery = program("celery", "-A", "worker")
    processes.start("worker", [*celery, "worker", "--loglevel", "INFO", "--concurrency", "2"])
    processes.start("beat", [*celery, "beat", "--loglevel", "INFO"])
    names = sorted(path.name for path in EXPORT.iterdir() if path.suffix in {".csv", ".tsv", ".txt", ".jsonl"})
    names.remove(A_DAY_LATER)
    _send_files(processes, db, names, "Taken in")
    _send_files(processes, db, [A_DAY_LATER], "A day later")


def _send_files(processes: DemoProcesses, db: Database, names: list[str], when: str) -> None:
    before = _count_rows(db)
    files = [str(EXPORT / name) for name in names]
    processes.run("import", program("worker.cli", "import", *files), seconds=60, fine=frozenset({0, 3}))
    recorded, rejected = (count - earlier for count, earlier in zip(_count_rows(db), before, strict=True))
    number = f"{len(files)} files" if len(files) > 1 else "1 file"
    terminal.print_line(f"{when}: {number}, {recorded} rows recorded, {rejected} rejected. Now they are sent.")
    columns = (TextColumn("Sending"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=terminal.make_console(), transient=True, disable=not terminal.is_terminal()
    ) as progress:
        bar = progress.add_task("sending", total=recorded)

        def look() -> bool | None:
            unfinished = _count_unfinished(db)
            progress.update(bar, completed=recorded - unfinished)
            return None if unfinished else True

        processes.wait_for("the end of the work", look, seconds=DEADLINE)


def _count_rows(db: Database) -> tuple[int, int]:
    """Count the operations and the rejected rows."""
    with db.read() as connection:
        operations = connection.scalar(select(func.count()).select_from(Operation)) or 0
        return operations, connection.scalar(select(func.count()).select_from(RejectedRow)) or 0


def _count_unfinished(db: Database) -> int:
    """Count the operations that are being sent, or will be within minutes."""
    soon = later(current_time, 600)
    with db.read() as connection:
        return connection.execute(
            select(func.count()).select_from(Operation).where(or_(in_flight, as_of(ready, soon)))
        ).scalar_one()


def _print_outcome(db: Database, ledger_audit: Audit) -> bool:
    """Print the outcome for a person, and return whether everything is as it should be."""
    with db.read() as connection:
        counted = connection.execute(
            select(Operation.kind, Operation.state, func.count()).group_by(Operation.kind, Operation.state)
        ).all()
    counts = Counter({(kind, state): count for kind, state, count in counted})
    _print_counts(counts)
    _print_ends(db)
    _print_rejected(db)
    terminal.print_heading("Does the stand-in's ledger agree?")
    for problem in ledger_audit.problems[:SHOWN]:
        terminal.print_line(f"No: {problem}", "bold red")
    doubts = sum(count for (_, state), count in counts.items() if state is State.IN_DOUBT)
    sent = sum(count for (_, state), count in counts.items() if state is State.SUCCEEDED)
    is_fine = bool(sent) and not ledger_audit.problems and doubts == LOST_ANSWERS
    if not ledger_audit.problems:
        terminal.print_line(
            f"Yes, one to one: {ledger_audit.calls} calls carried out for {ledger_audit.operations} operations. "
            f"None twice, none without an operation."
        )
    if doubts != LOST_ANSWERS:
        terminal.print_line(f"{doubts} operations are in doubt; {LOST_ANSWERS} answer was lost.", "bold red")
    return is_fine


def _print_counts(counts: Counter[tuple[str, State]]) -> None:
    terminal.print_heading("What became of the rows")
    columns = (State.SUCCEEDED, State.FAILED, State.IN_DOUBT)
    rows = []
    for kind in sorted({kind for kind, _ in counts}):
        of_kind = {state: counts[kind, state] for state in State}
        named = [of_kind[state] for state in columns]
        rows.append((kind, sum(of_kind.values()), *named, sum(of_kind.values()) - sum(named)))
    terminal.print_table(("kind", "recorded", "sent", "refused", "in doubt", "not sent"), rows, numbers=range(1, 6))


def _print_ends(db: Database) -> None:
    nth = func.row_number().over(partition_by=Operation.kind, order_by=Operation.id).label("nth")
    sent = select(Operation.kind, Operation.source_id, Operation.remote_id, nth).where(Operation.remote_id.is_not(None))
    few = sent.subquery()
    ended = select(Operation.kind, Operation.source_id, Operation.state, Operation.error_code).where(
        Operation.error_code.is_not(None), Operation.state != State.SUCCEEDED
    )
    with db.read() as connection:
        ids = connection.execute(select(few.c.kind, few.c.source_id, few.c.remote_id).where(few.c.nth <= 2)).all()
        unsuccessful = connection.execute(ended.order_by(Operation.id).limit(3 * SHOWN)).all()
    terminal.print_heading("Vitec's ids, as the CRM gets them back")
    terminal.print_table(("kind", "the CRM's id", "Vitec's id"), ids)
    terminal.print_heading("Not sent, and why")
    terminal.print_table(
        ("kind", "the CRM's id", "state", "why"),
        [
            (row.kind, row.source_id, terminal.style_state(row.state.value), terminal.as_words(row.error_code))
            for row in unsuccessful
        ],
    )


def _print_rejected(db: Database) -> None:
    rows = (
        select(FeedFile.name, RejectedRow.line, RejectedRow.reason, RejectedRow.remedy)
        .join(FeedFile, FeedFile.id == RejectedRow.feed_file_id)
        .order_by(RejectedRow.id)
        .limit(SHOWN)
    )
    with db.read() as connection:
        rejected = connection.execute(rows).all()
    terminal.print_heading("Rows that could not be taken in")
    terminal.print_table(("file", "line", "what is wrong", "what helps"), rejected, numbers=(1,))
