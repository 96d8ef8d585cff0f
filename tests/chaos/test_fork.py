"""Forked children share out the work, each piece to one of them, and none outlives its share."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from contextlib import closing

from tests.chaos import fork


def test_each_number_is_taken_exactly_once() -> None:
    with closing(os.fdopen(fork.deal_numbers(5_400), "rb", buffering=0)) as pipe:
        assert list(fork.take_numbers(pipe.fileno())) == list(range(5_400))


def run_program(program: str) -> str:
    """Run a program of its own, since a test runner has threads and must not fork."""
    command = [sys.executable, "-c", textwrap.dedent(program)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_endings_come_in_the_order_of_the_children() -> None:
    endings = run_program("""
        import os, signal
        from tests.chaos import fork
        def killed(): os.kill(os.getpid(), signal.SIGKILL)
        def failed(): raise SystemExit
        print([(e.signal, e.status) for e in fork.run_side_by_side([killed, failed, lambda: None], patience=20)])
    """)
    assert endings == "[(9, None), (None, 1), (None, 0)]"


def test_a_slow_child_is_ended_with_its_own_children() -> None:
    output = run_program("""
        import os, signal, time
        from tests.chaos import fork
        reading, writing = os.pipe()
        def slow():
            fork.fork_child(lambda: time.sleep(60))
            time.sleep(60)
        (ending,) = fork.run_side_by_side([slow], patience=0.5)
        os.close(writing)
        # The pipe has its end only when no process has it open for writing any more.
        print(ending == fork.Ending(), os.read(reading, 1))
    """)
    assert output == "True b''"
