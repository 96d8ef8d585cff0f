"""Whatever lies in the broker: a worker rings for a plain ring, drops everything else, and lives on."""

from __future__ import annotations

import base64
import json
import pickle
from functools import partial
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from celery import Celery, beat
from celery.beat import ScheduleEntry

from models import State
from tests.processes import celery, worker
from worker import rings
from worker.processes.beat import Scheduler
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    from tests.processes import Process
    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]

EMPTY: list[Any] = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (open, (str(self.path), "w"))


def envelope(body: object = EMPTY, **changes: Any) -> bytes:
    """Make a message as it lies in Redis. `headers` are added to the usual ones; one of None takes its name away."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers: dict[str, Any] = {
        "task": "deliver.comeback",
        "id": str(uuid4()),
        "lang": "py",
        "argsrepr": "()",
        "kwargsrepr": "{}",
    }
    headers |= changes.pop("headers", {})
    message = {
        "body": base64.b64encode(raw).decode(),
        "content-encoding": "utf-8",
        "content-type": "application/json",
        "headers": {name: value for name, value in headers.items() if value is not None},
        "properties": {
            "correlation_id": str(uuid4()),
            "delivery_info": {"exchange": "", "routing_key": rings.QUEUE},
            "delivery_mode": 2,
            "delivery_tag": str(uuid4()),
            "body_encoding": "base64",
        },
    }
    return json.dumps({**message, **changes}).encode()


def forgeries(canary: Path) -> dict[str, bytes]:
    """Give messages that are no plain rings, by what is wrong with them."""
    old = {"task": "deliver.comeback", "id": "1", "args": [], "kwargs": {}}
    return {
        "no JSON": b"garbage",
        "no UTF-8": b"\xff\xfe\x00",
        "a number": b"5",
        "null": b"null",
        "a list": b"[]",
        "an empty object": b"{}",
        "deeper than anybody reads": b"[" * 100_000,
        "no headers": envelope(headers={"task": None, "id": None}),
        "headers that are a list": envelope(headers={})
        .replace(b'"headers": {', b'"headers": [{', 1)
        .replace(b'}, "properties"', b'}], "properties"', 1),
        "no id": envelope(headers={"id": None}),
        "an id that is a list": envelope(headers={"id": ["1"]}),
        "a task that is an object": envelope(headers={"task": {"name": "deliver.comeback"}}),
        "an unknown task": envelope(headers={"task": "os.system"}),
        "an unknown kind": envelope(headers={"task": "deliver.everything"}),
        "an argument": envelope([["M30001"], {}, EMPTY[2]]),
        "a keyword": envelope([[], {"kind": "comeback"}, EMPTY[2]]),
        "something to be called afterwards": envelope([[], {}, {**EMPTY[2], "chain": [{"task": "deliver.comeback"}]}]),
        "a body that is no JSON": envelope(b"{"),
        "a body of no shape": envelope("text"),
        "a body of 5 MB": envelope([["x" * 5_000_000], {}, EMPTY[2]]),
        "a body that is not encoded as it says": envelope(body="%%%"),
        "an older form of message": envelope(old, headers={"task": None, "id": None}),
        "a pickle": envelope(pickle.dumps(Touch(canary)), **{"content-type": "application/x-python-serialize"}),
        "a pickle that is called JSON": envelope(pickle.dumps(Touch(canary))),
        "YAML": envelope(b"[]", **{"content-type": "application/x-yaml"}),
        "a hard time limit": envelope(headers={"timelimit": [0.1, None]}),
        "a date": envelope(headers={"eta": "2030-01-01T00:00:00"}),
        "an expiry that is no date": envelope(headers={"expires": "soon"}),
        "arguments for people to read": envelope(headers={"argsrepr": "(1,)"}),
        "a long name": envelope(headers={"origin": "x" * 10_000}),
    }


def _has_dropped(running: Process, count: int) -> bool:
    return running.output.count("a message was dropped") >= count


def test_a_message_that_is_no_ring_is_dropped(office: Office, tmp_path: Path) -> None:
    canary = tmp_path / "unpickled"
    forged = forgeries(canary)
    with worker(office.folder, {**office.settings, "DISPATCH_EVERY": "600"}) as running:
        running.says("ready")
        office.record(1, kind="comeback")
        for dropped, (fault, message) in enumerate(forged.items()):
            office.broker.lpush(rings.QUEUE, message)
            running.until(partial(_has_dropped, running, dropped + 1), why=fault)
        assert office.states() == {State.PENDING: 1}
        assert office.sent() == {}
        office.broker.lpush(rings.QUEUE, envelope())
        office.all_succeed(1)
        assert "connection" not in running.output.lower().replace("connected", "")
        assert max(map(len, running.output.splitlines())) < 700
    assert office.broker.hlen("unacked") == 0
    assert not canary.exists()


def test_a_ring_that_comes_many_times_sends_nothing_twice(office: Office) -> None:
    made = office.record(3, kind="comeback")
    ring = envelope()
    with worker(office.folder, office.settings) as running:
        running.says("ready")
        for _ in range(30):
            office.broker.lpush(rings.QUEUE, ring)
        office.all_succeed(3)
        running.until(lambda: office.broker.llen(rings.QUEUE) == 0)
        assert running.alive
    assert office.sent() == dict.fromkeys(made, 1)
    assert office.attempts() == 3


def test_published_rings_are_plain_rings(office: Office) -> None:
    office.record(1, kind="comeback")
    with worker(office.folder, {**office.settings, "DISPATCH_EVERY": "600"}) as running:
        running.says("ready")
        rings.ring(rings.publisher(Settings(broker_url=office.settings["BROKER_URL"])), ["comeback"])
        office.all_succeed(1)
        assert "dropped" not in running.output


def test_an_expired_ring_is_not_served(office: Office) -> None:
    office.record(1, kind="comeback")
    late = envelope(headers={"expires": "2026-01-01T00:00:00+00:00"})
    with worker(office.folder, {**office.settings, "DISPATCH_EVERY": "600"}) as running:
        running.says("ready")
        office.broker.lpush(rings.QUEUE, late)
        running.until(lambda: office.broker.llen(rings.QUEUE) == 0)
        office.broker.lpush(rings.QUEUE, envelope(headers={"task": "deliver.appointment"}))
        running.says("appointment: nothing was due")
        assert office.states() == {State.PENDING: 1}


def test_unheard_rings_do_not_pile_up(office: Office) -> None:
    app = rings.publisher(Settings(broker_url=office.settings["BROKER_URL"]))
    for _ in range(3):
        rings.ring(app, ["comeback", "appointment"] * 30)
    assert office.broker.llen(rings.QUEUE) == rings.WAITING_AT_MOST


def test_beat_adds_no_chores_while_no_worker_listens(office: Office) -> None:
    office.broker.lpush(rings.CHORES, *([envelope()] * (rings.WAITING_AT_MOST - 1)))
    settings = {**office.settings, "DISPATCH_EVERY": "0.1"}
    with celery("beat", office.folder, settings, "--loglevel", "INFO") as running:
        running.until(lambda: running.output.count("Sending due task outbox.dispatch") > 5)
        assert "Error" not in running.output
    assert office.broker.llen(rings.CHORES) == rings.WAITING_AT_MOST


def test_beat_goes_on_asking_on_a_channel_that_has_died(office: Office) -> None:
    """Beat keeps its producer for life; only publishing gives it a new channel."""
    app = Celery("beat", broker=office.settings["BROKER_URL"], set_as_current=False)
    app.conf.update(rings.configuration(Settings(broker_url=office.settings["BROKER_URL"])))
    entry = ScheduleEntry(name="outbox.dispatch", task="outbox.dispatch", schedule=60, app=app)
    scheduler = Scheduler.__new__(Scheduler)
    beat.Scheduler.__init__(scheduler, app, lazy=True)
    scheduler.sync_every_tasks = scheduler.sync_every = None
    with app.connection_for_write() as connection, app.amqp.Producer(connection, auto_declare=False) as producer:
        assert producer.channel
        connection.collect()
        with pytest.raises(AttributeError):
            rings.count_waiting(producer, rings.CHORES)
        scheduler.apply_entry(entry, producer=producer)
    assert office.broker.llen(rings.CHORES) == 1
    app.close()


ORDERS: dict[str, dict[str, Any]] = {
    "shutdown": {},
    "pool_restart": {},
    "pool_shrink": {"n": 2},
    "cancel_consumer": {"queue": rings.QUEUE},
    "rate_limit": {"task_name": "deliver.comeback", "rate_limit": "1/h"},
    "revoke": {"task_id": "1", "terminate": True, "signal": "SIGKILL"},
}


def test_orders_by_message_that_would_stop_work_are_not_obeyed(office: Office) -> None:
    app = Celery(broker=office.settings["BROKER_URL"], set_as_current=False)
    with worker(office.folder, office.settings) as running:
        running.says("ready")
        for order, arguments in ORDERS.items():
            app.control.broadcast(order, arguments)
            running.says(f"pidbox command error: KeyError('{order}')")
        office.record(2, kind="comeback")
        office.broker.lpush(rings.QUEUE, envelope())
        office.all_succeed(2)
        # One answer is enough: without the limit the question waits for others until its time is up.
        assert app.control.inspect(timeout=5, limit=1).ping()
    app.close()
