"""The control addresses of a running sandbox. They begin with `/-/`, as none of Vitec's can."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final, Protocol
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from worker.sandbox.api.answers import HTML, HttpAnswer, json_answer
from worker.sandbox.api.judging import ReceivedRequest
from worker.sandbox.faults.fault import CONNECTION_FAULTS, Fault
from worker.sandbox.faults.script import Script
from worker.sandbox.ledger import Ledger
from worker.sandbox.page import render_page

_PREFIX: Final = "/-/"
_HOSTS: Final = frozenset({"127.0.0.1", "localhost"})
_MOST_ENTRIES: Final = 1000


class ControlledServer(Protocol):
    """The part of a server that the control addresses may use."""

    @property
    def ledger(self) -> Ledger: ...

    @property
    def script(self) -> Script: ...

    def play(self, script: Script) -> None: ...

    def fail_connections(self, fault: Fault, seconds: float) -> None: ...


class _ConnectionFaultOrder(BaseModel):
    model_config = ConfigDict(extra="forbid")

    fault: Fault
    seconds: float = Field(gt=0, le=3600)


def is_control(path: str) -> bool:
    return path.startswith(_PREFIX) or path.partition("?")[0] == "/"


def control(request: ReceivedRequest, server: ControlledServer) -> HttpAnswer:
    """Answer a control request. A foreign web page can neither read nor steer: the host name must be loopback's,
    and an order must be JSON, which a foreign page may not send without asking first.
    """
    host = urlsplit(f"//{request.headers.get('Host', '')}").hostname
    if host not in _HOSTS:
        return json_answer(403, {"message": "The sandbox is steered from this machine only."})
    path = request.path.partition("?")[0]
    match request.method, path:
        case "GET", "/":
            counts, faults = server.ledger.counts_by_kind(), server.ledger.faults()
            return HttpAnswer(200, render_page(counts, faults), HTML)
        case "GET", "/-/ledger":
            return _ledger(request, server.ledger)
        case "GET", "/-/faults":
            return json_answer(200, server.script.model_dump(mode="json", exclude_none=True))
        case "POST", "/-/faults" | "/-/clear" | "/-/door":
            return _obey(path, request, server)
        case _:
            return json_answer(404, {"message": "There are /-/ledger, /-/faults, /-/clear and /-/door."})


def _ledger(request: ReceivedRequest, ledger: Ledger) -> HttpAnswer:
    """Counts, and up to 1,000 entries after `?after=ID`; with `applied=1` only those carried out."""
    query = parse_qs(urlsplit(request.path).query)
    after = query.get("after", ["0"])[0]
    if not after.isascii() or not after.isdigit():
        return json_answer(400, {"message": "after is the number of an entry."})
    read = ledger.applied if query.get("applied") == ["1"] else ledger.requests
    entries = read(after=int(after), limit=_MOST_ENTRIES)
    return json_answer(200, _counts(ledger) | {"requests": [asdict(entry) for entry in entries]})


def _counts(ledger: Ledger) -> dict[str, Any]:
    kinds = {
        kind: {"received": received, "applied": applied}
        for kind, (received, applied) in ledger.counts_by_kind().items()
    }
    counts = {"received": ledger.count(), "applied": ledger.count(applied=True)}
    return {"counts": counts, "kinds": kinds, "faults": dict(ledger.faults())}


def _obey(path: str, request: ReceivedRequest, server: ControlledServer) -> HttpAnswer:
    if not _is_json(request.headers):
        return json_answer(415, {"message": "An order is sent as application/json."})
    try:
        if path == "/-/faults":
            server.play(Script.model_validate_json(request.body))
        elif path == "/-/door":
            order = _ConnectionFaultOrder.model_validate_json(request.body)
            if order.fault not in CONNECTION_FAULTS:
                return json_answer(400, {"message": f"The door knows {', '.join(sorted(CONNECTION_FAULTS))}."})
            server.fail_connections(order.fault, order.seconds)
        else:
            server.ledger.clear()
            server.play(Script())
    except ValidationError as error:
        return json_answer(400, {"message": str(error)})
    return HttpAnswer(204)


def _is_json(headers: Mapping[str, str]) -> bool:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower() == "application/json"
