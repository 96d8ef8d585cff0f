"""The limits: the cost of sending alone, without queue and database.

`python -m bench.limits HOW PROCESSES THREADS COUNT`; each thread has a session of its own.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import requests
from requests.adapters import HTTPAdapter

from worker.errors import VitecError
from worker.kinds import KIND_BY_NAME
from worker.vitec.client import Client
from worker.vitec.credentials import Credentials, Login
from worker.vitec.http_attempt import Permit

if TYPE_CHECKING:
    from collections.abc import Callable

_LOGIN = Login("bench", "bench-1")
_BODY = {"date": "2026-12-11T09:15:00+01:00", "note": "Ring efter lunch"}


def _make_paths(count: int) -> list[str]:
    return [f"Meeting/Comeback/M{30001 + n % 12}/ADR{n}" for n in range(count)]


def send_bare(url: str, count: int, *, trust_env: bool = True) -> None:
    """Send by `Session.post(json=)` in a loop, as a careful script would."""
    with requests.Session() as session:
        session.trust_env = trust_env
        session.headers["Authorization"] = _LOGIN.authorization
        for path in _make_paths(count):
            answer = session.post(f"{url}/{path}", json=_BODY, timeout=30)
            assert answer.status_code == 200
            answer.json()


def send_without_environment(url: str, count: int) -> None:
    """Send the same way, without looking for proxies and passwords in the environment."""
    send_bare(url, count, trust_env=False)


def send_prepared(url: str, count: int) -> None:
    """Send one prepared request, its path changed, straight by the adapter: as little as requests can be made to do."""
    adapter = HTTPAdapter()
    headers = {"Authorization": _LOGIN.authorization}
    request = requests.Request("POST", f"{url}/x", json=_BODY, headers=headers).prepare()
    for path in _make_paths(count):
        request.url = f"{url}/{path}"
        answer = adapter.send(request, timeout=30, verify=False)
        assert answer.status_code == 200
        answer.json()


def send_by_client(url: str, count: int) -> None:
    """Send on the worker's own path: from a payload to an outcome, with permit, watchdog and marks."""
    sender = Client(url, Credentials(_LOGIN), timeout=30, pool_size=1)
    kind = KIND_BY_NAME["comeback"]
    for number, path in enumerate(_make_paths(count)):
        _, _, customer_id, contact_id = path.split("/")
        payload = {"customer_id": customer_id, "contact_id": contact_id, **_BODY}
        call = kind.from_payload(payload).call(f"{number}.1")
        answer = sender.send(call, Permit(time.monotonic() + 30))
        if isinstance(answer, VitecError):
            raise answer
        kind.read(answer)


WAYS: dict[str, Callable[[str, int], None]] = {
    "bare": send_bare,
    "without_environment": send_without_environment,
    "prepared": send_prepared,
    "client": send_by_client,
}


def main() -> None:
    """Send in so many processes, then wait to be ended, so that their cost can be read."""
    how, (processes, threads, count) = sys.argv[1], map(int, sys.argv[2:5])
    url = os.environ["VITEC_BASE_URL"]
    for _ in range(processes):
        multiprocessing.get_context("fork").Process(
            target=_run_child, args=(how, url, threads, count // processes)
        ).start()
    signal.pause()


def _run_child(how: str, url: str, threads: int, count: int) -> None:
    if threads == 1:
        WAYS[how](url, count)
    else:
        for number in range(threads):
            share = len(range(number, count, threads))
            threading.Thread(target=WAYS[how], args=(url, share)).start()
    signal.pause()


if __name__ == "__main__":
    main()
