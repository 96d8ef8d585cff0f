"""G9: a word is planted in every field that a person could have written, and looked for where it must not be."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import redis
import requests

from tests import servers
from tests.chaos import feed
from tests.chaos.killing import LEFT_OUT
from tests.chaos.meaning import MEANINGS
from tests.chaos.result import Result, judge
from tests.chaos.stage import set_stage
from tests.processes import celery, vitec_sync
from worker.sandbox import CONNECTION_FAULTS, PASSWORD, Fault

if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.stage import Site, Stage
    from tests.processes import Process

WORD = "KANARIEFAGEL"
LOGIN = ("office", "3-grey-herons")
PAGES = ("/api/tasks", "/tasks", "/metrics", "/broker", "/api/workers?refresh=1", "/workers", "/healthcheck")
ALOUD = ("--loglevel", "DEBUG")

# Each of these would take its time and tell nothing new.
SLOW = {fault for fault in Fault if "hang" in fault or "drip" in fault}


def run(site: Site) -> list[Result]:
    """G9: send operations of all kinds and bad rows under every sort of failure; then search."""
    with set_stage(site, "g9") as scene:
        port = servers.free_port()
        settings = {**scene.settings, "FLOWER_BASIC_AUTH": ":".join(LOGIN)}
        with scene.connect_to_broker() as broker, broker.monitor() as monitor:
            heard: list[str] = []
            threading.Thread(target=_listen, args=(monitor, heard), daemon=True).start()
            flower = scene.stack.enter_context(celery("flower", scene.folder, settings, f"--port={port}", *ALOUD))
            flower.says("Visit me")
            running = scene.start_worker("one", *ALOUD).says("ready")
            importing = _fail_in_every_way(scene)
            arguments = _list_arguments()
            scene.wait_until_settled(seconds=90)
            # A crash is logged too.
            running.kill()
            places = {
                "Redis's commands": "\n".join(heard),
                "what lies in Redis": _dump_redis(broker),
                "Flower": _fetch_pages(port),
                "the process list": arguments,
                "the import's output": importing.output,
            }
            if site.postgres is not None:
                places["PostgreSQL's log"] = _read_log(site.postgres.folder / "log")
            places |= {f"the log {path.name}": _read_log(path) for path in scene.folder.glob("*.log")}
        evidence = scene.gather_evidence(doubt=False)
    problems = [f"{secret!r} is in {place}" for place, text in places.items() for secret in _secrets_in(text)]
    problems += _search_misses(places)
    notes = f"{len(places)} places, {sum(map(len, places.values())) // 1000} kB"
    return [judge("G9", "personal data looked for in every other place", evidence, problems=problems, notes=notes)]


def _fail_in_every_way(scene: Stage) -> Process:
    scene.start_beat()
    faults = [fault for fault in MEANINGS if fault not in LEFT_OUT | CONNECTION_FAULTS | SLOW]
    scene.set_faults([{"fault": fault, "times": 2} for fault in faults])
    path = scene.folder / "planted.jsonl"
    good = [{"source_id": f"CRM-{number}", "customer_id": "M30001", **_row(number)} for number in range(100)]
    bad = {"kind": "comeback", "source_id": "CRM-BAD", "customer_id": "M30001", "date": f"{WORD} 25:99", "note": WORD}
    path.write_text("".join(json.dumps(row) + "\n" for row in [*good, bad]), encoding="utf-8")
    importing = vitec_sync(scene.folder, scene.settings, "import", str(path), name="importing")
    assert scene.stack.enter_context(importing).ends(seconds=60) == 3, importing.output
    return importing


def _row(number: int) -> dict[str, object]:
    kind = feed.KINDS[number % len(feed.KINDS)]
    fields = feed.fields(kind, number, WORD)
    if "contact_id" in fields:
        fields["contact_id"] = f"ADR{WORD}{number}"
    return {"kind": kind, **fields}


def _secrets_in(text: str) -> list[str]:
    return [secret for secret in (WORD, PASSWORD, LOGIN[1]) if secret in text]


def _search_misses(places: dict[str, str]) -> list[str]:
    """List places that lack a word which must be there: a search in the wrong place finds nothing either."""
    expected = {
        "Redis's commands": "deliver.comeback",
        "Flower": "deliver.comeback",
        "the process list": "celery",
        "the log one.log": "comeback of M30001: sent",
    }
    return [f"{place} does not hold {word!r}" for place, word in expected.items() if word not in places.get(place, "")]


def _listen(monitor: Any, heard: list[str]) -> None:
    with suppress(OSError, ValueError, redis.RedisError):
        while True:
            heard.append(str(monitor.next_command()["command"]))


def _dump_redis(broker: redis.Redis) -> str:
    dumps = []
    for key in broker.scan_iter():
        dump = broker.dump(key)
        dumps.append(f"{key!r} {dump!r}")
    return "\n".join(dumps)


def _fetch_pages(port: int) -> str:
    texts = [requests.get(f"http://127.0.0.1:{port}{page}", auth=LOGIN, timeout=20).text for page in PAGES]
    return "\n".join(texts)


def _list_arguments() -> str:
    return subprocess.run(["ps", "-axo", "args="], capture_output=True, text=True, check=True).stdout


def _read_log(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")
