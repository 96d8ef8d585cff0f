"""The addresses that steer a running sandbox. They begin with `/-/`, which Vitec's cannot."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.sandbox.answers import HTML, Answer, json_answer
from worker.sandbox.faults import DOOR_FAULTS, Fault
from worker.sandbox.judging import Request
from worker.sandbox.ledger import Ledger
from worker.sandbox.page import page
from worker.sandbox.script import Script

_PREFIX: Final = "/-/"
_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
_MOST_ENTRIES: Final = 1000


class Steered(Protocol):
    """What the control addresses may do to a server."""

    @property
    def ledger(self) -> Ledger: ...

    @property
    def script(self) -> Script: ...

    def play(self, script: Script) -> None: ...

    def shut_door(self, fault: Fault, seconds: float) -> None: ...


class _DoorOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fault: Fault
    seconds: float = Field(gt=0, le=3600)


def is_control(path: str) -> bool:
    return path.startswith(_PREFIX) or path.partition("?")[0] == "/"


def control(request: Request, server: Steered) -> Answer:
    """Answer a control request. A web page elsewhere can neither read nor steer: the host name must be loopback's,
    and an order must be JSON, which a foreign page may not send without asking first.
    """
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    if host not in _HOSTS:
        return json_answer(403, {"message": "The sandbox is steered from this machine only."})
    path = request.path.partition("?")[0]
    match request.method, path:
        case "GET", "/":
            counts, faults = server.ledger.counts_by_kind(), server.ledger.faults()
            return Answer(200, page(counts, faults), HTML)
        case "GET", "/-/ledger":
            return _ledger(request, server.ledger)
        case "GET", "/-/faults":
            return json_answer(200, server.script.model_dump(mode="json", exclude_none=True))
        case "POST", "/-/faults" | "/-/clear" | "/-/door":
            return _order(path, request, server)
        case _:
            return json_answer(404, {"message": "There are /-/ledger, /-/faults, /-/clear and /-/door."})


def _ledger(request: Request, ledger: Ledger) -> Answer:
    """Counts, and up to 1,000 entries after `?after=ID`; with `applied=1` only those carried out."""
    query = parse_qs(urlsplit(request.path).query)
    after = query.get("after", ["0"])[0]
    if not after.isascii() or not after.isdigit():
        return json_answer(400, {"message": "after is the number of an entry."})
    read = ledger.applied if query.get("applied") == ["1"] else ledger.requests
    entries = read(after=int(after), limit=_MOST_ENTRIES)
    return json_answer(200, _counts(ledger) | {"requests": [asdict(entry) for entry in entries]})


def _counts(ledger: Ledger) -> dict[str, Any]:
    kinds = {kind: {"received": came, "applied": done} for kind, (came, done) in ledger.counts_by_kind().items()}
    counts = {"received": ledger.count(), "applied": ledger.count(applied=True)}
    return {"counts": counts, "kinds": kinds, "faults": dict(ledger.faults())}


def _order(path: str, request: Request, server: Steered) -> Answer:
    if not _is_json(request.headers):
        return json_answer(415, {"message": "An order is sent as application/json."})
    try:
        if path == "/-/faults":
            server.play(Script.model_validate_json(request.body))
        elif path == "/-/door":
            order = _DoorOrder.model_validate_json(request.body)
            if order.fault not in DOOR_FAULTS:
                return json_answer(400, {"message": f"The door knows {', '.join(sorted(DOOR_FAULTS))}."})
            server.shut_door(order.fault, order.seconds)
        else:
            server.ledger.clear()
            server.play(Script())
    except ValidationError as error:
        return json_answer(400, {"message": str(error)})
    return Answer(204)


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
