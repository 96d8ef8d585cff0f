"""The pace of a turn: no slot for a row that is not there."""

import re
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import event

from models import Scope, State
from tests import factory
from tests.delivery.wire import Wire, created
from tests.outbox.plans import explained
from tests.outbox.steps import begin, make, wake_all
from worker import delivery
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

ANCIENT, LATER = datetime(2026, 1, 1, tzinfo=UTC), datetime(2126, 1, 1, tzinfo=UTC)


@pytest.fixture
def reserved(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """All slots that are reserved from now on."""
    found: list[float] = []

    def reserve(*args: Any) -> Slots:
        slots = rate_limit.reserve_slots(*args)
        found.extend(slots.offsets)
        return slots

    monkeypatch.setattr(start_limits, "rate_limit", _Pace(reserve))
    return found


class _Pace:
    count_ready = staticmethod(rate_limit.count_ready)

    def __init__(self, reserve: Any) -> None:
        self.reserve_slots = reserve


@pytest.mark.parametrize("rows", [1, 7])
def test_a_turn_reserves_as_many_slots_as_it_sends_requests(
    db: Database, settings: Settings, reserved: list[float], rows: int
) -> None:
    for _ in range(rows):
        make(db, next_attempt_at=ANCIENT)
    make(db, next_attempt_at=LATER)
    wake_all(db)
    paced = settings.model_copy(update={"vitec_requests_per_second": 100.0})
    report = delivery.serve("comeback", db=db, client=Wire(), settings=paced, stopping=lambda: False, by="here:1")
    assert (report.sent, report.ended, len(reserved)) == (rows, "nothing was left", rows)


def test_a_turn_reserves_no_more_slots_than_its_share(
    db: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it holds and cannot use is lost to all. That its share has grown it is told by a claim."""
    make(db, customer_id="M2", next_attempt_at=ANCIENT)
    wake_all(db)
    other = turns.take_turn(db, "comeback", lease=45, worker="there:2")
    assert other is not None
    for _ in range(30):
        make(db, next_attempt_at=ANCIENT)
    wake_all(db)
    asked: list[int] = []
    shared: list[int] = []
    slots_for = RateLimiter.slots_for

    def note(self: RateLimiter, free: int, place: ClaimCursor) -> int | None:
        asked.append(free)
        return slots_for(self, free, place)

    def look(call: Call, permit: Permit) -> Answer:
        with lock:
            sent.append(call.request_id)
            if len(sent) == 10:
                shared.extend(asked)
                turns.release_turn(db, other)
        return created(call, permit)

    sent, lock = list[str](), threading.Lock()
    monkeypatch.setattr(RateLimiter, "slots_for", note)
    paced = settings.model_copy(update={"vitec_requests_per_second": 1000.0, "vitec_in_flight": 4})
    report = delivery.serve("comeback", db=db, client=Wire(look), settings=paced, stopping=lambda: False, by="here:1")
    assert report.sent == 30
    assert (shared[0], max(shared[1:])) == (4, 2)
    assert max(asked[len(shared) :]) > 2


def test_look_ups_need_slots_too(db: Database) -> None:
    make(db, next_attempt_at=ANCIENT)
    make(db, State.IN_DOUBT, next_attempt_at=ANCIENT, needs_person=False)
    make(db, send_again_until=ANCIENT, next_attempt_at=ANCIENT)
    make(db, next_attempt_at=LATER)
    make(db, State.IN_DOUBT, next_attempt_at=ANCIENT, needs_person=True)
    make(db, customer_id="M2", next_attempt_at=ANCIENT)
    (turn,) = (taken for taken in (begin(db), begin(db)) if taken.customer_id == factory.CUSTOMER)
    assert rate_limit.count_ready(db, turn, 50) == 3
    assert rate_limit.count_ready(db, turn, 1) == 3


def test_nothing_ready_differs_from_waiting_for_slots(db: Database) -> None:
    make(db, next_attempt_at=ANCIENT)
    turn = begin(db)
    slow = RateLimiter(db, turn, 0.001)
    assert slow.slots_for(5) == 1
    other = RateLimiter(db, turn, 0.001)
    assert other.slots_for(5) == 0
    assert not other.slots
    with db.write() as connection:
        factory.make_hold(connection, Scope.LANE, customer_id=turn.customer_id)
        connection.exec_driver_sql("DELETE FROM operations")
    assert RateLimiter(db, turn, 0.001).slots_for(5) is None
    assert RateLimiter(db, turn, 0).slots_for(5) == 5


def test_a_turn_settles_everything_before_it_reports_nothing_left(db: Database, settings: Settings) -> None:
    """The parent's success, in the same lane, brings its child."""
    make(db, source_id="P", next_attempt_at=ANCIENT)
    make(db, after_kind="comeback", after_source_id="P", parent_done=False, next_attempt_at=ANCIENT)
    wake_all(db)
    paced = settings.model_copy(update={"vitec_requests_per_second": 100.0})
    report = delivery.serve("comeback", db=db, client=Wire(), settings=paced, stopping=lambda: False, by="here:1")
    assert (report.sent, report.ended) == (2, "nothing was left")


def test_rows_before_the_cursor_count_if_too_few_follow(pg_db: Database) -> None:
    """Beside an old snapshot the index keeps an entry of each row that was claimed: they are not stepped over again."""
    make(pg_db, next_attempt_at=ANCIENT)
    place = ClaimCursor(ANCIENT + timedelta(hours=1), 1)
    for _ in range(2):
        make(pg_db, next_attempt_at=ANCIENT + timedelta(hours=2))
    turn = begin(pg_db)
    asked: list[Any] = []
    event.listen(pg_db.engine, "before_cursor_execute", lambda *args: asked.append(args[3]["after"]))
    assert rate_limit.count_ready(pg_db, turn, 2, place) == 2
    assert rate_limit.count_ready(pg_db, turn, 3, place) == 3
    assert asked == [1, 1, 0]


def test_ready_rows_are_counted_by_the_due_index(pg_db: Database) -> None:
    make(pg_db, next_attempt_at=ANCIENT)
    turn = begin(pg_db)
    plans = explained(pg_db.engine, "SELECT (SELECT count", freely=False)
    rate_limit.count_ready(pg_db, turn, 5)
    (plan,) = plans
    used = set(re.findall(r"(?:using|Bitmap Index Scan on) (\w+operations\w*)", plan))
    assert used == {"ix_operations_due", "ix_operations_in_doubt", "ix_operations_permitted"}, plan
