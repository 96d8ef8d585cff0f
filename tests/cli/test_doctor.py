"""`vitec-sync doctor`: a clock that was set is found, and confirmed."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from tests.factory import make_environment

if TYPE_CHECKING:
    from tests.cli.conftest import Shell


def test_nothing_is_wrong_with_an_empty_database(shell: Shell) -> None:
    ran = shell.run("doctor")
    assert ran.status == 0
    assert ran.out == "Nothing is wrong.\n"


@pytest.mark.parametrize("seconds", [3600.0, -3600.0])
def test_a_step_is_found_until_it_is_confirmed(shell: Shell, seconds: float) -> None:
    with shell.db.write() as connection:
        make_environment(connection, at=datetime.now(UTC), clock_stepped=seconds, clock_stepped_at=datetime.now(UTC))
    ran = shell.run("doctor", "--json")
    assert ran.status == 3
    assert json.loads(ran.out)["findings"][0]["facts"] == {"seconds": round(seconds)}
    assert shell.run("doctor", "--fix").status == 0
    assert shell.run("doctor").status == 0
