"""The limits of a turn: it reserves no slot for a row that is not there."""

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from models import Scope, State
from tests import factory
from tests.delivery.steps import LONG_AGO, make_due, serve_turn
from tests.delivery.wire import Wire, created
from tests.outbox.plans import explained
from tests.outbox.steps import begin
from worker.delivery import start_limits
from worker.delivery.start_limits import RateLimiter
from worker.kind import Answer, Call
from worker.outbox import Database
from worker.outbox.exchange import rate_limit
from worker.outbox.exchange.claim import ClaimCursor
from worker.outbox.exchange.rate_limit import Slots
from worker.outbox.lanes import turns
from worker.settings import Settings
from worker.vitec.http_attempt import Permit

LATER = datetime(2126, 1, 1, tzinfo=UTC)


@pytest.fixture
def reserved(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give the list of all slots that are reserved from now on."""
    offsets: list[float] = []

    def reserve(*args: Any) -> Slots:
        slots = rate_limit.reserve_slots(*args)
        offsets.extend(slots.offsets)
        return slots

    monkeypatch.setattr(start_limits, "rate_limit", RateLimitSpy(reserve))
    return offsets


class RateLimitSpy:
    """Stands in for the module `rate_limit`."""

    count_ready = staticmethod(rate_limit.count_ready)

    def __init__(self, reserve: Any) -> None:
        self.reserve_slots = reserve


@pytest.mark.parametrize("rows", [1, 7])
def test_a_turn_reserves_as_many_slots_as_it_sends_requests(
    db: Database, settings: Settings, reserved: list[float], rows: int
) -> None:
    make_due(db, rows)
    make_due(db, next_attempt_at=LATER)
    report = serve_turn(db, Wire(), settings, vitec_requests_per_second=100.0)
    assert report.ended == "nothing was left"
    assert report.sent == rows
    assert len(reserved) == rows


def test_a_turn_reserves_no_more_slots_than_its_share(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slot that a turn holds and cannot use is lost to all. A claim shows it that its share has grown."""
    make_due(db, customer_id="M2")
    second_turn = turns.take_turn(db, "comeback", lease=45, worker="there:2")
    assert second_turn is not None
    make_due(db, 30)
    wanted: list[int] = []
    wanted_while_shared: list[int] = []
    ensure_slots = RateLimiter.ensure_slots

    def note(self: RateLimiter, free: int, cursor: ClaimCursor) -> int | None:
        wanted.append(free)
        return ensure_slots(self, free, cursor)

    def end_the_second_turn(call: Call, permit: Permit) -> Answer:
        with lock:
            sent.append(call.request_id)
            if len(sent) == 10:
                wanted_while_shared.extend(wanted)
                turns.end_turn(db, second_turn)
        return created(call, permit)

    sent, lock = list[str](), threading.Lock()
    monkeypatch.setattr(RateLimiter, "ensure_slots", note)
    wire = Wire(end_the_second_turn)
    report = serve_turn(db, wire, settings, vitec_requests_per_second=1000.0, vitec_in_flight=4)
    assert report.sent == 30
    # The first claim reads the share.
    assert wanted_while_shared[0] == 4
    assert max(wanted_while_shared[1:]) == 2
    assert max(wanted[len(wanted_while_shared) :]) > 2


def test_look_ups_need_slots_too(db: Database) -> None:
    make_due(db)
    make_due(db, state=State.IN_DOUBT, needs_person=False)
    make_due(db, send_again_until=LONG_AGO)
    make_due(db, next_attempt_at=LATER)
    make_due(db, state=State.IN_DOUBT, needs_person=True)
    make_due(db, customer_id="M2")
    (turn,) = (taken for taken in (begin(db), begin(db)) if taken.customer_id == factory.CUSTOMER)
    assert rate_limit.count_ready(db, turn, 50) == 3
    assert rate_limit.count_ready(db, turn, 1) == 3


def test_nothing_ready_differs_from_waiting_for_slots(db: Database) -> None:
    make_due(db)
    turn = begin(db)
    first_limiter, second_limiter = RateLimiter(db, turn, 0.001), RateLimiter(db, turn, 0.001)
    assert first_limiter.ensure_slots(5) == 1
    assert second_limiter.ensure_slots(5) == 0
    assert not second_limiter.slots
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id=turn.customer_id)
        connection.exec_driver_sql("DELETE FROM operations")
    assert RateLimiter(db, turn, 0.001).ensure_slots(5) is None
    assert RateLimiter(db, turn, 0).ensure_slots(5) == 5


def test_a_turn_settles_everything_before_it_reports_nothing_left(db: Database, settings: Settings) -> None:
    """The parent's success, in the same lane, brings its child."""
    make_due(db, source_id="P")
    make_due(db, after_kind="comeback", after_source_id="P", parent_done=False)
    report = serve_turn(db, Wire(), settings, vitec_requests_per_second=100.0)
    assert report.ended == "nothing was left"
    assert report.sent == 2


def test_rows_before_the_cursor_count_if_too_few_follow(pg_db: Database) -> None:
    """Beside an old snapshot the index keeps an entry of each claimed row: a count does not step over them again."""
    make_due(pg_db)
    cursor = ClaimCursor(LONG_AGO + timedelta(hours=1), 1)
    make_due(pg_db, 2, next_attempt_at=LONG_AGO + timedelta(hours=2))
    turn = begin(pg_db)
    starts: list[Any] = []
    event.listen(pg_db.engine, "before_cursor_execute", lambda *args: starts.append(args[3]["after"]))
    assert rate_limit.count_ready(pg_db, turn, 2, cursor) == 2
    assert rate_limit.count_ready(pg_db, turn, 3, cursor) == 3
    assert starts == [1, 1, 0]


def test_ready_rows_are_counted_by_the_due_index(pg_db: Database) -> None:
    make_due(pg_db)
    turn = begin(pg_db)
    plans = explained(pg_db.engine, "SELECT (SELECT count", freely=False)
    rate_limit.count_ready(pg_db, turn, 5)
    (plan,) = plans
    indexes = set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+operations\w*)", plan))
    # Predecessors are found by their key in either.
    indexes -= {"ix_operations_sequence", "ix_operations_thing"}
    assert indexes == {"ix_operations_due", "ix_operations_in_doubt", "ix_operations_permitted"}, plan
