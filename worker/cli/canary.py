"""`vitec-sync import --canary`: the first new row of each kind goes alone, and the command waits for its answer."""

import time
from pathlib import Path

from worker import bootstrap
from worker.cli import terminal
from worker.feeds import open_feed
from worker.importing import ImportListener, ImportOptions, IntakeDefaults
from worker.importing.canary import Canary, CanaryState, canary_state, send_first
from worker.mapping import ExportMapping, map_export

WAIT_AT_MOST = 600.0
LOOK_EVERY = 1.0


class CanaryHeld(Exception):  # noqa: N818 (a fact)
    """The others are not recorded: a first row has failed, or is not answered. The text is the line to show."""


def wait_for_first_rows(
    path: Path,
    kind: str | None,
    mapping: ExportMapping | None,
    feed: str,
    defaults: IntakeDefaults,
    listener: ImportListener,
    options: ImportOptions,
) -> None:
    """Send the first new rows of a file alone, and return when Vitec has taken them; `CanaryHeld` if it has not."""
    db = bootstrap.database()
    with open_feed(path) as file:
        source = map_export(mapping, file) if mapping else file
        canary = send_first(db, source, kind=kind, feed=feed, defaults=defaults, listener=listener, options=options)
    if canary is None:
        return
    state = _wait(feed, canary)
    if state is CanaryState.PASSED:
        return
    name = terminal.make_visible(path.name)
    if state is CanaryState.FAILED:
        raise CanaryHeld(
            f"{name}: one of the first rows, which went alone, has ended without success, and nothing more was recorded."
            " Why: `vitec-sync list --state failed`. The same command again sends the next rows first."
        )
    raise CanaryHeld(
        f"{name}: the first rows, which go alone, have no answer yet, and nothing more was recorded. Is a worker running"
        " (`vitec-sync status`)? The same command again goes on."
    )


def _wait(feed: str, canary: Canary) -> CanaryState:
    """Wait for the answers; a person at a terminal is told so."""
    db, state = bootstrap.database(), canary.state
    deadline = time.monotonic() + WAIT_AT_MOST
    if state is CanaryState.WAITING:
        terminal.print_error("The first row of each kind goes alone. Waiting for Vitec's answer ... (Ctrl-C: later)")
    while state is CanaryState.WAITING and time.monotonic() < deadline:
        time.sleep(LOOK_EVERY)
        state = canary_state(db, feed, canary.content_hash) or state
    return state
