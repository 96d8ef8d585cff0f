"""`celery -A worker flower`: nothing without the login, nothing but looking with it, and no personal data in it."""

from __future__ import annotations

import socket
import sys
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest
import redis
import requests
from flower.urls import handlers

from tests import servers
from tests.processes import Process, celery, until, worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.running.office import Office

pytestmark = [pytest.mark.servers, pytest.mark.processes]

LOGIN = ("office", "3-grey-herons")
OLD_LOGIN = ("office", "4-old-herons")
PATHS = [
    "/",
    "/workers",
    "/worker/w@h",
    "/task/1",
    "/tasks",
    "/tasks/datatable",
    "/broker",
    "/api/workers",
    "/api/tasks",
    "/api/task/types",
    "/api/queues/length",
    "/api/task/info/1",
    "/api/task/result/1",
    "/metrics",
    "/healthcheck",
    "/login",
    "/logout",
    "/nowhere",
    "/static/css/flower.css",
    "/static/../setup.py",
]


@contextmanager
def flower(office: Office, *options: str, **settings: str) -> Iterator[tuple[Process, str]]:
    """A Flower that listens, and its address."""
    port = servers.free_port()
    environment = {**office.settings, "FLOWER_BASIC_AUTH": ",".join(map(":".join, (LOGIN, OLD_LOGIN))), **settings}
    with celery("flower", office.folder, environment, f"--port={port}", *options) as process:
        process.says("Visit me")
        yield process, f"http://127.0.0.1:{port}"


def test_there_is_nothing_without_the_login(office: Office) -> None:
    assert len(PATHS) <= len(handlers)
    with flower(office) as (_, address):
        for path in PATHS:
            for wrong in (None, ("office", "wrong"), ("", ""), ("office", LOGIN[1] + "x")):
                answer = requests.get(address + path, auth=wrong, timeout=10, allow_redirects=False)
                assert (answer.status_code, answer.text) == (401, "Login required.\n"), path
                assert answer.headers["WWW-Authenticate"].startswith("Basic"), path
        for header in ("", "Basic", "Basic %%%", "Bearer x", "Basic " + "A" * 5000, "Basic w6U="):
            assert requests.get(address, headers={"Authorization": header}, timeout=10).status_code == 401
        for path in ("/api/worker/shutdown/w", "/api/task/apply/outbox.prune", "/api/task/revoke/1"):
            assert requests.post(address + path, timeout=10).status_code == 401, path
        for method in ("OPTIONS", "HEAD", "PUT", "DELETE"):
            assert requests.request(method, address + "/api/workers", timeout=10).status_code == 401, method


def test_each_of_the_logins_opens_everything(office: Office) -> None:
    with flower(office) as (_, address):
        for login in (LOGIN, OLD_LOGIN):
            for path in (
                "/",
                "/tasks",
                "/broker",
                "/metrics",
                "/healthcheck",
                "/api/workers",
                "/static/css/flower.css",
            ):
                assert requests.get(address + path, auth=login, timeout=10).status_code == 200, path


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere 127.0.0.2 has to be set up first")
def test_flower_listens_on_its_address_alone(office: Office) -> None:
    with flower(office) as (_, address):
        assert requests.get(address, timeout=10).status_code == 401
        # A server that listens everywhere is reached by every address of this machine.
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.2", int(address.rpartition(":")[2])), timeout=5)


def test_a_page_elsewhere_cannot_give_orders_with_the_persons_login(office: Office) -> None:
    with flower(office, "--read_only=False") as (_, address):
        order = f"{address}/api/worker/pool/restart/nobody"
        for forged in (
            {"Origin": "http://elsewhere.example"},
            {"Sec-Fetch-Site": "cross-site", "Origin": "http://elsewhere.example"},
            {"Sec-Fetch-Site": "same-site"},
        ):
            assert requests.post(order, auth=LOGIN, headers=forged, timeout=10).status_code == 403, forged
        own = {"Origin": address, "Sec-Fetch-Site": "same-origin"}
        assert requests.post(order, auth=LOGIN, headers=own, timeout=10).status_code == 404


def test_flower_is_read_only(office: Office) -> None:
    with worker(office.folder, office.settings) as running, flower(office) as (_, address):
        running.says("ready")
        for path in (f"/api/worker/shutdown/{worker_name(address)}", "/api/task/async-apply/outbox.prune"):
            answer = requests.post(address + path, auth=LOGIN, json={}, timeout=10)
            assert answer.status_code == 403, path
        assert running.alive


def worker_name(address: str) -> str:
    """Wait until Flower knows the worker; give its name."""
    workers: dict[str, object] = {}

    def look() -> bool:
        workers.update(requests.get(f"{address}/api/workers?refresh=1", auth=LOGIN, timeout=20).json())
        return bool(workers)

    until(look, why="Flower found no worker")
    (name,) = workers
    return name


@pytest.mark.parametrize(
    ("settings", "options", "why"),
    [
        ({}, (), "set FLOWER_BASIC_AUTH to user:password"),
        ({}, ("--basic-auth=office:3-grey-herons",), "arguments are shown to everybody"),
        ({"FLOWER_UNPROTECTED": "1"}, ("--address=0.0.0.0",), "for loopback only"),
    ],
)
def test_flower_does_not_start_unprotected(
    office: Office, settings: dict[str, str], options: tuple[str, ...], why: str
) -> None:
    environment = {**office.settings, **settings}
    with celery("flower", office.folder, environment, f"--port={servers.free_port()}", *options) as process:
        assert process.ends() == 1
        assert why in process.output
        assert len(process.output.strip().splitlines()) == 1
        assert "herons" not in process.output


def test_another_configuration_file_opens_nothing(office: Office) -> None:
    config = office.folder / "open.py"
    config.write_text("address = ''\nbasic_auth = []\n", encoding="utf-8")
    with celery("flower", office.folder, {**office.settings, "FLOWER_UNPROTECTED": "1"}, f"--conf={config}") as process:
        assert process.ends() == 1
        assert "for loopback only" in process.output


def test_without_a_login_flower_needs_the_setting_to_start(office: Office) -> None:
    with flower(office, FLOWER_BASIC_AUTH="", FLOWER_UNPROTECTED="1") as (_, address):
        assert requests.get(address, timeout=10).status_code == 200
        assert requests.get(f"{address}/api/workers", timeout=10).status_code == 401


def test_the_login_can_come_from_a_file(office: Office) -> None:
    secret = office.folder / "flower_basic_auth"
    secret.write_text("office:3-grey-herons\n", encoding="utf-8")
    with flower(office, FLOWER_BASIC_AUTH="", FLOWER_BASIC_AUTH_FILE=str(secret)) as (_, address):
        assert requests.get(address, timeout=10).status_code == 401
        assert requests.get(address, auth=LOGIN, timeout=10).status_code == 200


CANARIES: dict[str, dict[str, object]] = {
    "appointment": {"user_id": "HAN1", "subject": "CANARY-subject", "starts_at": "2026-12-10T09:00:00+01:00",
                    "ends_at": "2026-12-10T10:00:00+01:00", "location": "CANARY-location"},
    "comeback": {"contact_id": "ADR0001", "date": "2026-12-11T09:15:00+01:00", "note": "CANARY-note"},
    "notification": {"recipients": ["HAN0001"], "header": "CANARY-header", "message": "CANARY-message"},
    "order_token": {"data": "CANARY-data"},
}  # fmt: skip


def test_personal_data_is_in_no_broker_log_or_flower(office: Office) -> None:
    heard: list[str] = []
    aloud = ("--loglevel", "DEBUG")
    with (
        office.broker.monitor() as monitor,  # type: ignore[no-untyped-call]
        worker(office.folder, office.settings, *aloud) as running,
        celery("beat", office.folder, office.settings, *aloud) as beat,
        flower(office) as (shown, address),
    ):
        threading.Thread(target=_listen, args=(monitor, heard), daemon=True).start()
        running.says("ready")
        office.sandbox.play([{"fault": "bad_request", "times": 2}, {"fault": "server_error", "times": 2}])
        for kind, payload in CANARIES.items():
            office.record(3, kind=kind, payload={"customer_id": "M30000", **payload}, customers=1)
        until(lambda: not set(office.states()) & {"pending", "in_flight"}, seconds=40)
        paths = ("/api/tasks", "/tasks", f"/worker/{worker_name(address)}", "/metrics", "/broker", "/api/workers")
        pages = [requests.get(address + path, auth=LOGIN, timeout=20).text for path in paths]
        logs = running.output + beat.output + shown.output
        everything = {"broker": "\n".join(heard), "flower": "\n".join(pages), "logs": logs}
    assert "deliver.comeback" in everything["broker"]
    assert "comeback of M30000: sent" in everything["flower"]
    assert "comeback of M30000: sent" in everything["logs"]
    for place, text in everything.items():
        for secret in ("CANARY", "ADR0001", office.settings["VITEC_PASSWORD"], LOGIN[1]):
            assert secret not in text, f"{secret} is in {place}"


def _listen(monitor: redis.client.Monitor, heard: list[str]) -> None:
    with suppress(OSError, ValueError, redis.RedisError):
        heard.extend(str(command["command"]) for command in monitor.listen())  # type: ignore[no-untyped-call]
