"""A log line holds ids and outcomes: one line, bounded, and never the text of an exception."""

from __future__ import annotations

import logging
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from worker.logs import LONGEST_LINE, find_own_place, list_places, remove_values, shorten_to_one_line

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = """
import logging, structlog, sys
from worker import logs
logs.configure("DEBUG", sys.argv[1] if len(sys.argv) > 1 else None)
log = structlog.get_logger("worker.test")
with structlog.contextvars.bound_contextvars(operation=7):
    log.info("settled", state="succeeded")
try:
    try:
        raise ValueError("CANARY inner")
    except ValueError as error:
        raise RuntimeError("CANARY outer") from error
except RuntimeError:
    log.exception("it broke")
    logging.getLogger("elsewhere").exception("a library broke: %s", "x" * 5000)
    logging.getLogger("elsewhere").error("first line\\nCANARY second line", stack_info=True)
logging.getLogger("urllib3.connectionpool").warning("CANARY path")
logging.getLogger("kombu").debug("CANARY broker")
logging.getLogger("elsewhere").error("\\x1b[31mred\\x07\\u202eturned")
"""


def lines(*arguments: str) -> list[str]:
    """Run the script and give what it logged."""
    script = subprocess.run([sys.executable, "-c", SCRIPT, *arguments], capture_output=True, text=True, check=True)
    assert script.stdout == ""
    return script.stderr.splitlines()


def test_every_event_is_one_line_without_an_exceptions_text() -> None:
    logged = lines()
    assert len(logged) == 5
    assert "CANARY" not in "".join(logged)
    assert "level=info event=settled state=succeeded operation=7" in logged[0]
    assert 'level=error event="it broke" error=RuntimeError where=' in logged[1]
    assert max(map(len, logged)) < LONGEST_LINE + 200


def test_control_characters_are_replaced_in_the_log() -> None:
    last = lines()[-1]
    assert last.isprintable()
    assert "?[31mred??turned" in last


def test_a_file_can_be_named(tmp_path: Path) -> None:
    file = tmp_path / "worker.log"
    assert lines(str(file)) == []
    assert "event=settled" in file.read_text(encoding="utf-8")


def test_the_places_of_an_error_are_files_and_lines_alone() -> None:
    with pytest.raises(ZeroDivisionError) as caught:
        _ = 1 / 0
    assert list_places(caught.value).startswith("test_logs.py:")
    assert find_own_place(caught.value) is None
    with pytest.raises(AttributeError) as in_worker:
        list_places(None)  # type: ignore[arg-type]
    assert str(find_own_place(in_worker.value)).startswith("worker/logs.py:")
    event = remove_values(logging.getLogger(), "error", {"event": "x", "exc_info": caught.value})
    assert event["error"] == "ZeroDivisionError"
    assert "exc_info" not in event


def test_keys_cannot_break_the_line() -> None:
    assert shorten_to_one_line(None, "", {'a b="c\n': "text"}) == {"a_b__c_": "text"}


def test_numbers_stay_numbers() -> None:
    assert shorten_to_one_line(None, "", {"n": 3, "f": 1.5, "t": True, "nothing": None}) == {
        "n": 3,
        "f": 1.5,
        "t": True,
        "nothing": None,
    }


def test_an_outage_is_logged_at_its_begin_and_end() -> None:
    script = """
from worker import logs
logs.configure("INFO")
outage = logs.Outage("it is away", "it is back")
outage.end()
for number in range(3):
    outage.note(f"fault {number}")
for _ in range(3):
    outage.end()
"""
    output = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stderr
    assert output.count("it is away") == output.count("it is back") == 1
    assert "fault 0" in output
