"""In every history Vitec acts at most once on an operation, and no operation is forgotten.

That holds as long as Vitec's acts show in every look-up within the quiet time and the gap. A world in which it may take
longer must be found out by the same machine.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from sqlalchemy import event

from tests.properties.histories import CLOCKS, CUSTOMERS, Conditions, Histories
from tests.properties.vitec import RIGHT, Fate, VitecClock
from tests.properties.workers import Violation
from worker.kinds import comeback
from worker.outbox import connect

EXAMPLES = int(os.environ.get("PROPERTY_EXAMPLES", "30"))
"""How many histories are tried on each database."""


@pytest.fixture
def engine(database_url: str) -> Iterator[Any]:
    """One database for all histories of a test."""
    yield from _open(database_url)


@pytest.fixture
def sqlite_engine(sqlite_url: str) -> Iterator[Any]:
    """One SQLite database, for tests in which the database makes no difference."""
    yield from _open(sqlite_url)


def _open(url: str) -> Iterator[Any]:
    made = connect(url, pool_size=1)
    if made.dialect.name == "sqlite":
        # The file need not outlive a power cut.
        event.listen(made, "connect", lambda raw, record: raw.execute("PRAGMA synchronous=OFF") and None)
    yield made
    made.dispose()


def _machine(engine: Any, conditions: Conditions) -> type[Histories]:
    class Under(Histories):
        pass

    Under.engine, Under.conditions = engine, conditions
    return Under


def _run(engine: Any, conditions: Conditions, examples: int, **options: Any) -> None:
    wanted = settings(
        max_examples=examples,
        stateful_step_count=40,
        deadline=None,
        print_blob=False,
        database=None,
        suppress_health_check=list(HealthCheck),
        **options,
    )
    run_state_machine_as_test(_machine(engine, conditions), settings=wanted)


@pytest.mark.slow
@pytest.mark.timeout(max(120, EXAMPLES * 5))
def test_no_operation_is_done_twice_or_forgotten(engine: Any) -> None:
    _run(engine, Conditions(), EXAMPLES)


@pytest.mark.slow
@pytest.mark.timeout(max(120, EXAMPLES * 5))
def test_nothing_later_on_the_same_thing_is_undone(engine: Any) -> None:
    kinds = ("viewing_registration", "viewing_cancellation", "order_status")
    _run(engine, Conditions(kinds, most_rows=4, alike=True), max(10, EXAMPLES // 2))


_LOST = Conditions(
    ("viewing_registration",),
    (Fate.LOST,),
    late=(0.0,),
    stale=(0.0,),
    people=False,
    in_steps=False,
    most_rows=1,
    ends=("ends",),
    clocks=(RIGHT,),
)
UNSOUND = {
    "Vitec acts later than quiet time and gap": replace(_LOST, late=(5000.0,)),
    "look-ups are staler than quiet time and gap": replace(_LOST, stale=(5000.0,)),
}


@pytest.mark.parametrize("conditions", UNSOUND.values(), ids=UNSOUND)
def test_a_world_in_which_it_cannot_hold_is_found_out(sqlite_engine: Any, conditions: Conditions) -> None:
    with pytest.raises(Violation):
        _run(sqlite_engine, conditions, 300, phases=[Phase.generate], derandomize=True)


@pytest.mark.parametrize("clock", CLOCKS[1:-1], ids=str)
def test_a_look_up_that_believes_vitecs_clock_is_found_out(
    sqlite_engine: Any, clock: VitecClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An act that seems older than its attempt would count as none: by a clock that is behind, in UTC, or cut."""
    monkeypatch.setattr(comeback, "_EARLIER_MEETING", timedelta(seconds=5))
    conditions = replace(_LOST, kinds=("comeback",), clocks=(clock,))
    with pytest.raises(Violation, match="doubled"):
        _run(sqlite_engine, conditions, 300, phases=[Phase.generate], derandomize=True)


def test_only_the_switch_keeps_a_paused_worker_from_sending(sqlite_engine: Any) -> None:
    workers = []
    for switch in (True, False):
        history = _machine(sqlite_engine, Conditions(("comeback",), switch=switch))()
        history.a_row_arrives(0, 0, bell=True, customer=CUSTOMERS[0])
        history.office.ring("comeback")
        history.a_worker_settles_and_claims(0, 1, lost_commit=0)
        history.a_worker_is_paused_or_continued(0)
        history.time_passes(50.0)
        workers.append(history.office.workers)
    assert workers[0] == []
    (paused,) = workers[1]
    with pytest.raises(Violation, match="outside its turn"):
        paused.send(paused.jobs[0], Fate.ANSWERED, None)
