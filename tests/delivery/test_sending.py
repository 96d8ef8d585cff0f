"""The threads of a turn: each claimed operation comes back with exactly one outcome, whatever happens."""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator

import pytest

from models import State
from tests import factory
from tests.delivery.wire import Wire, created
from worker.decide import RetryPolicy
from worker.delivery import sending
from worker.delivery.dead_mans_switch import ClockReading, DeadMansSwitch
from worker.delivery.sending import JobExecutor, SendJob, SendPool
from worker.errors import Barred, Refused, Unanswered, Unsendable, VitecError
from worker.kind import Answer, Call
from worker.outbox.exchange.claim import Claimed
from worker.outbox.exchange.settle import Finished
from worker.vitec.http_attempt import Permit

Run = Callable[..., list[Finished]]
PAYLOAD = {"customer_id": factory.CUSTOMER, **factory.PAYLOADS["comeback"]}


def send_job(
    number: int = 1, *, starts: float = 0.0, lasts: float = 30.0, payload: object = None, failures: int = 0
) -> SendJob:
    claimed = Claimed(number, 3, failures, 12, PAYLOAD if payload is None else payload)  # type: ignore[arg-type]
    return SendJob(claimed, "comeback", starts, time.monotonic() + lasts)


def executor(wire: Wire) -> JobExecutor:
    return JobExecutor(wire, RetryPolicy(), "here:1", jitter=lambda seconds: seconds)


@pytest.fixture
def switch() -> DeadMansSwitch:
    switch = DeadMansSwitch()
    switch.start_lease(ClockReading.now(), 60)
    return switch


@pytest.fixture
def run(switch: DeadMansSwitch) -> Iterator[Run]:
    """Send jobs over a wire, and return their results."""
    opened: list[SendPool] = []

    def send(wire: Wire, *jobs: SendJob) -> list[Finished]:
        pool = SendPool(executor(wire), switch, threads=4)
        opened.append(pool)
        assert switch.admit(len(jobs))
        pool.start(jobs)
        results: list[Finished] = []
        end = time.monotonic() + 20
        while len(results) < len(jobs) and time.monotonic() < end:
            results += [result for result in pool.collect(0.5) if isinstance(result, Finished)]
        return results

    yield send
    for pool in opened:
        pool.close()


def test_a_success_comes_back_with_its_facts(run: Run) -> None:
    (finished,) = run(Wire(), send_job(7))
    assert (finished.id, finished.attempt) == (7, 3)
    assert finished.by == "here:1"
    assert finished.tries == 1
    assert finished.written
    assert finished.http_status == 200
    assert (finished.settlement.state, finished.settlement.remote_id) == (State.SUCCEEDED, "ID-7.3")


def test_each_of_many_jobs_is_finished_once(run: Run) -> None:
    results = run(Wire(), *(send_job(number) for number in range(1, 21)))
    assert sorted(finished.id for finished in results) == list(range(1, 21))


def test_jobs_without_a_new_thread_take_a_running_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    start = threading.Thread.start
    started: list[threading.Thread] = []

    def start_two(thread: threading.Thread) -> None:
        if thread.name == "send":
            if len(started) == 2:
                raise RuntimeError("can't start new thread")
            started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_two)
    monkeypatch.setattr(SendPool, "_recent_timings", deque())
    results = run(Wire(), *(send_job(number) for number in range(1, 5)))
    assert sorted(finished.id for finished in results) == [1, 2, 3, 4]
    assert {finished.settlement.state for finished in results} == {State.SUCCEEDED}


def test_an_error_keeps_its_status(run: Run) -> None:
    def refuse(call: Call, permit: Permit) -> VitecError:
        return Refused("no", status=422, text="Nej", tries=2)

    (finished,) = run(Wire(refuse), send_job())
    assert finished.settlement.state is State.FAILED
    assert finished.http_status == 422
    assert finished.tries == 2


def test_an_unforeseen_error_is_judged_by_the_first_byte(run: Run) -> None:
    def break_down(call: Call, permit: Permit) -> Answer:
        raise RuntimeError("Anna Andersson")

    class Broken(Wire):
        def send(self, call: Call, permit: Permit) -> Answer:
            raise RuntimeError("Anna Andersson")

    (written,) = run(Wire(break_down), send_job())
    (unwritten,) = run(Broken(), send_job())
    assert (written.settlement.state, written.written) == (State.IN_DOUBT, True)
    assert (unwritten.settlement.state, unwritten.written) == (State.RETRYABLE, False)
    assert {written.settlement.detail, unwritten.settlement.detail} == {"RuntimeError"}


def test_rules_that_fail_lose_no_outcome(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    class Away(Wire):
        def send(self, call: Call, permit: Permit) -> VitecError:
            return Unsendable("not sent")

    def fail(*_: object) -> None:
        raise RuntimeError("Anna Andersson")

    monkeypatch.setattr(sending, "decide", fail)
    (written,) = run(Wire(), send_job())
    (unwritten,) = run(Away(), send_job())
    (last,) = run(Away(), send_job(failures=11))
    assert written.settlement.state is State.IN_DOUBT
    assert written.settlement.accepted
    assert written.settlement.needs_person
    assert (unwritten.settlement.state, unwritten.settlement.failures) == (State.RETRYABLE, 1)
    assert last.settlement.state is State.FAILED
    assert {written.settlement.detail, unwritten.settlement.detail} == {"RuntimeError"}


def test_all_jobs_have_begun_when_the_last_has_a_thread(switch: DeadMansSwitch) -> None:
    may_end = threading.Event()

    def slowly(call: Call, permit: Permit) -> Answer:
        assert may_end.wait(20)
        return created(call, permit)

    pool = SendPool(executor(Wire(slowly)), switch, threads=1)
    all_begun = [pool.all_begun.is_set()]
    assert switch.admit(2)
    pool.start([send_job(1), send_job(2)])
    pool.all_begun.wait(0.01)
    all_begun.append(pool.all_begun.is_set())
    may_end.set()
    pool.all_begun.wait(20)
    all_begun.append(pool.all_begun.is_set())
    pool.close()
    assert all_begun == [True, False, True]


def test_a_payload_that_cannot_be_read_is_never_sent(run: Run) -> None:
    wire = Wire()
    (finished,) = run(wire, send_job(payload={"nonsense": 1}))
    assert wire.calls == []
    assert finished.settlement.code == "unforeseen"
    assert not finished.written


def test_after_its_deadline_nothing_is_written(run: Run) -> None:
    wire = Wire()
    (finished,) = run(wire, send_job(lasts=-1))
    assert wire.calls == []
    assert finished.settlement.state is State.RETRYABLE
    assert finished.settlement.code == "revoked"
    assert finished.settlement.failures == 0


def test_outside_the_lease_nothing_is_written(run: Run, switch: DeadMansSwitch) -> None:
    class Slow(Wire):
        def send(self, call: Call, permit: Permit) -> Answer | VitecError:
            # The lease ends while the connection is being made.
            switch._ends = ClockReading(0, 0)
            return super().send(call, permit)

    wire = Slow()
    (finished,) = run(wire, send_job())
    assert wire.calls == []
    assert finished.settlement.code == "revoked"


def test_nothing_starts_before_its_slot(run: Run) -> None:
    moments: list[float] = []

    def note(call: Call, permit: Permit) -> Answer:
        moments.append(time.monotonic())
        return created(call, permit)

    slots = [time.monotonic() + 0.05, time.monotonic() + 0.15]
    run(Wire(note), *(send_job(number, starts=slot) for number, slot in enumerate(slots, 1)))
    assert all(moment >= slot for moment, slot in zip(sorted(moments), slots, strict=True))


def test_the_switch_is_left_by_every_end(run: Run, switch: DeadMansSwitch) -> None:
    def cut(call: Call, permit: Permit) -> VitecError:
        return Unanswered("cut")

    run(Wire(), send_job())
    run(Wire(cut), send_job())
    run(Wire(), send_job(payload={}))
    assert switch.count == 0


def test_the_switch_is_left_before_a_result_is_collected(
    run: Run, switch: DeadMansSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a process that is stopped while it settles could be killed, with the answer in hand."""
    leave = DeadMansSwitch.leave

    def leave_late(switch: DeadMansSwitch) -> None:
        time.sleep(0.1)
        leave(switch)

    monkeypatch.setattr(DeadMansSwitch, "leave", leave_late)
    run(Wire(), send_job())
    assert switch.count == 0


def test_closing_waits_for_running_requests(switch: DeadMansSwitch) -> None:
    may_end, ended = threading.Event(), threading.Event()

    def slowly(call: Call, permit: Permit) -> Answer:
        assert may_end.wait(20)
        ended.set()
        return created(call, permit)

    pool = SendPool(executor(Wire(slowly)), switch, threads=1)
    assert switch.admit(1)
    pool.start([send_job()])
    closer = threading.Thread(target=pool.close)
    closer.start()
    assert not ended.is_set()
    may_end.set()
    closer.join(20)
    assert ended.is_set()
    assert not closer.is_alive()


@pytest.mark.parametrize(
    ("took", "useful"),
    [([], 4), ([(0.0008, 0.0004), (0.0005, 0.0004)], 1), ([(0.1, 0.0004)], 4), ([(0.001, 0.0004)], 2)],
)
def test_useful_threads_are_request_time_over_cpu_time(
    monkeypatch: pytest.MonkeyPatch, took: list[tuple[float, float]], useful: int
) -> None:
    """By the fastest of the latest: one that was hindered does not wake a second thread in vain."""
    monkeypatch.setattr(SendPool, "_recent_timings", deque(took))
    pool = SendPool(executor(Wire(created)), DeadMansSwitch(), threads=4)
    assert pool._useful_threads() == useful


class WithoutLogin:
    """Sends nothing."""

    def send(self, call: Call, permit: Permit) -> VitecError:
        return Barred("not sent: no login")


def test_only_sent_requests_count_for_the_timings(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call refused at once, for want of a login, would let one thread seem enough."""
    took: deque[tuple[float, float]] = deque()
    monkeypatch.setattr(SendPool, "_recent_timings", took)
    run(WithoutLogin(), send_job())
    assert not took
    run(Wire(created), send_job())
    assert len(took) == 1
