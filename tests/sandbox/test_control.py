"""A running sandbox is seen and steered from another process of the same machine, and from nowhere else."""

import json
from typing import Any

import pytest

from tests.sandbox.client import BODIES, Reply, ask, call, connect, get
from worker.sandbox import CallKind, Fault, Sandbox


def order(sandbox: Sandbox, path: str, content: Any = None, **headers: str) -> Reply:
    return ask(sandbox, "POST", path, json.dumps(content).encode(), Authorization=None, **headers)


def test_faults_are_changed_while_it_runs(sandbox: Sandbox) -> None:
    script = {"seed": 3, "rules": [{"fault": "conflict", "match": {"kind": "comeback"}}]}
    assert order(sandbox, "/-/faults", script).status == 204
    assert (call(sandbox, CallKind.COMEBACK).status, call(sandbox, CallKind.APPOINTMENT).status) == (409, 200)
    shown = get(sandbox, "/-/faults").json
    assert shown["seed"] == 3
    assert shown["rules"][0]["fault"] == "conflict"
    assert order(sandbox, "/-/faults", {"rules": []}).status == 204
    assert call(sandbox, CallKind.COMEBACK).status == 200


@pytest.mark.parametrize("script", [None, [], {"rules": [{"fault": "earthquake"}]}, {"seeds": 1}])
def test_a_wrong_script_is_refused_and_the_old_one_stays(sandbox: Sandbox, script: Any) -> None:
    sandbox.play([{"fault": "conflict"}])
    assert order(sandbox, "/-/faults", script).status == 400
    assert call(sandbox, CallKind.COMEBACK).status == 409


def test_the_ledger_can_be_read(sandbox: Sandbox) -> None:
    identity = call(sandbox, CallKind.COMEBACK).json
    call(sandbox, CallKind.NOTIFICATION, recipients=[])
    read = get(sandbox, "/-/ledger").json
    assert read["counts"] == {"received": 2, "applied": 1}
    assert read["kinds"]["comeback"] == {"received": 1, "applied": 1}
    assert [(entry["remote_id"], entry["applied"]) for entry in read["requests"]] == [(identity, True), (None, False)]
    assert len(get(sandbox, "/-/ledger?applied=1").json["requests"]) == 1
    assert len(get(sandbox, "/-/ledger?after=1").json["requests"]) == 1
    assert get(sandbox, "/-/ledger?after=x").status == 400


def test_a_script_strikes_one_method_of_a_path(sandbox: Sandbox) -> None:
    script = {"rules": [{"fault": "conflict", "match": {"kind": "viewing_cancellation"}}]}
    assert order(sandbox, "/-/faults", script).status == 204
    assert call(sandbox, CallKind.VIEWING_REGISTRATION).status == 204
    assert call(sandbox, CallKind.VIEWING_CANCELLATION).status == 409
    shown = get(sandbox, "/-/ledger").json["kinds"]
    assert shown["viewing_registration"] == {"received": 1, "applied": 1}
    assert shown["viewing_cancellation"] == {"received": 1, "applied": 0}


def test_clearing_ends_faults_and_empties_the_ledger(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "conflict"}])
    call(sandbox, CallKind.COMEBACK)
    assert order(sandbox, "/-/clear", {}).status == 204
    assert sandbox.ledger.count() == 0
    assert call(sandbox, CallKind.COMEBACK).status == 200


def test_connections_can_be_refused_for_a_while(sandbox: Sandbox) -> None:
    assert order(sandbox, "/-/door", {"fault": "refuse_connections", "seconds": 60}).status == 204
    with pytest.raises(ConnectionRefusedError):
        connect(sandbox)
    sandbox.accept_connections()
    assert call(sandbox, CallKind.COMEBACK).status == 200


@pytest.mark.parametrize("content", [{}, {"fault": "conflict", "seconds": 1}, {"fault": "tls_hang", "seconds": 0}])
def test_a_wrong_connection_fault_order_is_refused(sandbox: Sandbox, content: Any) -> None:
    assert order(sandbox, "/-/door", content).status == 400
    assert call(sandbox, CallKind.COMEBACK).status == 200


def test_steering_is_neither_in_the_ledger_nor_struck_by_faults(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "reset_after_processing"}])
    for path in ("/", "/-/ledger", "/-/faults"):
        assert get(sandbox, path).status == 200
    assert sandbox.ledger.count() == 0


@pytest.mark.parametrize("path", ["/", "/-/ledger", "/-/faults"])
def test_a_page_under_another_name_sees_nothing(sandbox: Sandbox, path: str) -> None:
    """As when a foreign web page has its own name point at this machine."""
    call(sandbox, CallKind.COMEBACK)
    reply = ask(sandbox, "GET", path, Host="evil.example")
    assert reply.status == 403
    assert b"COMEBACK" not in reply.body.upper()


def test_an_order_from_a_foreign_page_is_refused(sandbox: Sandbox) -> None:
    assert order(sandbox, "/-/clear", {}, Content_Type="text/plain").status == 415


def test_other_addresses_of_its_own_do_not_exist(sandbox: Sandbox) -> None:
    assert get(sandbox, "/-/x").status == 404
    assert ask(sandbox, "PUT", "/-/faults", b"{}").status == 404


def test_the_page_names_the_sandbox_and_its_counts(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "conflict", "times": 1}])
    call(sandbox, CallKind.COMEBACK)
    call(sandbox, CallKind.COMEBACK)
    page = get(sandbox, "/").body.decode()
    assert "This is not Vitec." in page
    assert '<html lang="en">' in page
    assert '<th scope="row">comeback</th><td>2</td><td>1</td>' in page
    assert '<th scope="row">conflict</th><td>1</td>' in page


def test_the_page_shows_nothing_personal(sandbox: Sandbox) -> None:
    call(sandbox, CallKind.COMEBACK)
    page = get(sandbox, "/").body.decode()
    assert BODIES[CallKind.COMEBACK]["note"] not in page
    assert "ADR1" not in page


def test_every_fault_has_a_name_that_a_script_can_say(sandbox: Sandbox) -> None:
    rules = [{"fault": fault, "probability": 0} for fault in Fault]
    assert order(sandbox, "/-/faults", {"rules": rules}).status == 204
    assert len(get(sandbox, "/-/faults").json["rules"]) == len(Fault)
