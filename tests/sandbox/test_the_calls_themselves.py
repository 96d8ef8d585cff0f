"""The calls and the two read-backs, over the wire."""

import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import datetime
from http.client import HTTPConnection
from time import monotonic

import pytest

from tests.sandbox.client import BODIES, LOGIN, MEETINGS, METHODS, PARTICIPANTS, PATHS, ask, call, get
from worker.sandbox import CallKind, Latency, Sandbox, running_sandbox
from worker.sandbox.api.times import STOCKHOLM

REGISTRATION = PATHS[CallKind.VIEWING_REGISTRATION]


@pytest.mark.parametrize("kind", [CallKind.APPOINTMENT, CallKind.COMEBACK])
def test_an_entry_answers_with_its_id_as_a_string(sandbox: Sandbox, kind: CallKind) -> None:
    reply = call(sandbox, kind)
    assert reply.status == 200
    assert reply.headers["Content-Type"] == "application/json; charset=utf-8"
    assert reply.json.startswith("CAL")
    assert [entry.remote_id for entry in sandbox.ledger.applied()] == [reply.json]


def test_a_registration_answers_204_and_nothing(sandbox: Sandbox) -> None:
    reply = call(sandbox, CallKind.VIEWING_REGISTRATION)
    assert (reply.status, reply.body) == (204, b"")
    assert "Content-Length" not in reply.headers


def test_a_notification_answers_true(sandbox: Sandbox) -> None:
    reply = call(sandbox, CallKind.NOTIFICATION)
    assert (reply.status, reply.json) == (200, True)


def test_a_notification_without_known_recipients_is_not_applied(sandbox: Sandbox) -> None:
    reply = call(sandbox, CallKind.NOTIFICATION, recipients=["UNKNOWN1", "UNKNOWN2"])
    assert (reply.status, reply.json) == (200, False)
    assert [entry.applied for entry in sandbox.ledger.requests()] == [False]


def test_one_known_recipient_is_enough(sandbox: Sandbox) -> None:
    assert call(sandbox, CallKind.NOTIFICATION, recipients=["UNKNOWN1", "HAN1"]).json is True


def test_an_order_token_is_redeemed_for_its_ticket_each_time(sandbox: Sandbox) -> None:
    first, second = call(sandbox, CallKind.ORDER_TOKEN).json, call(sandbox, CallKind.ORDER_TOKEN).json
    another = call(sandbox, CallKind.ORDER_TOKEN, data="another").json
    names = "orderId userId orderUserId targetId targetType tenantId chainId customerId hasExpired"
    assert list(first) == names.split()
    assert first == second
    assert first["orderId"] != another["orderId"]
    assert (first["customerId"], first["hasExpired"]) == ("M30001", False)
    assert all(isinstance(first[name], str) for name in names.split()[:-1])


def test_an_expired_token_is_200_and_says_so(sandbox: Sandbox) -> None:
    reply = call(sandbox, CallKind.ORDER_TOKEN, data="EXPIRED-1")
    assert (reply.status, reply.json["hasExpired"]) == (200, True)


def test_registering_twice_makes_two_leads_and_one_participant(sandbox: Sandbox) -> None:
    call(sandbox, CallKind.VIEWING_REGISTRATION)
    call(sandbox, CallKind.VIEWING_REGISTRATION)
    leads = sandbox.ledger.created(kind=CallKind.VIEWING_REGISTRATION)
    assert len({lead.remote_id for lead in leads}) == 2
    assert len(get(sandbox, PARTICIPANTS).json) == 1


def test_a_removed_registration_is_gone_and_stays_in_the_ledger(sandbox: Sandbox) -> None:
    call(sandbox, CallKind.VIEWING_REGISTRATION)
    reply = call(sandbox, CallKind.VIEWING_CANCELLATION)
    assert (reply.status, reply.body) == (204, b"")
    assert get(sandbox, PARTICIPANTS).json == []
    (lead,) = sandbox.ledger.created()
    (_, removal) = sandbox.ledger.applied()
    assert lead.removed_by == removal.id


def test_a_removal_leaves_other_slots_and_contacts_alone(sandbox: Sandbox) -> None:
    for path in (REGISTRATION, REGISTRATION.replace("TID1", "TID2"), REGISTRATION.replace("ADR1", "ADR2")):
        call(sandbox, CallKind.VIEWING_REGISTRATION, path=path)
    call(sandbox, CallKind.VIEWING_CANCELLATION)
    assert [entry["timeSlotId"] for entry in get(sandbox, PARTICIPANTS).json] == ["TID2"]
    assert len(get(sandbox, PARTICIPANTS.replace("ADR1", "ADR2")).json) == 1


def test_a_contact_can_be_registered_again_after_a_removal(sandbox: Sandbox) -> None:
    for kind in (CallKind.VIEWING_REGISTRATION, CallKind.VIEWING_CANCELLATION, CallKind.VIEWING_REGISTRATION):
        call(sandbox, kind)
    assert len(get(sandbox, PARTICIPANTS).json) == 1
    assert [lead.removed_by for lead in sandbox.ledger.created()] == [2, None]


def test_a_contact_who_is_not_there_cannot_be_removed(sandbox: Sandbox) -> None:
    reply = call(sandbox, CallKind.VIEWING_CANCELLATION)
    assert (reply.status, reply.json) == (404, {"message": "Hittade inget objekt med id 'ADR1'."})
    assert [entry.applied for entry in sandbox.ledger.requests()] == [False]


def test_a_lenient_slot_lets_everybody_leave(sandbox: Sandbox) -> None:
    path = REGISTRATION.replace("TID1", "LENIENT1")
    assert call(sandbox, CallKind.VIEWING_CANCELLATION, path=path).status == 204
    assert [entry.applied for entry in sandbox.ledger.requests()] == [True]


def test_an_orders_states_stand_in_their_order(sandbox: Sandbox) -> None:
    for status in ("OrderReceived", "delivered", "OrderReceived"):
        reply = call(sandbox, CallKind.ORDER_STATUS, status=status)
        assert (reply.status, reply.json) == (200, True)
    call(sandbox, CallKind.ORDER_STATUS, id="ORD2", status="Error")
    states = [entry.status for entry in sandbox.ledger.set_statuses(customer_id="M30001", order_id="ORD1")]
    assert states == ["OrderReceived", "Delivered", "OrderReceived"]
    assert [entry.remote_id for entry in sandbox.ledger.applied()] == ["ORD1", "ORD1", "ORD1", "ORD2"]


def test_a_comeback_is_read_back_as_it_was_sent(sandbox: Sandbox) -> None:
    identity = call(sandbox, CallKind.COMEBACK).json
    sent = datetime.now(STOCKHOLM).replace(tzinfo=None)
    read = get(sandbox, MEETINGS).json
    assert read["contactId"] == "ADR1"
    (meeting,) = read["meetings"]
    assert meeting["id"] == identity
    assert meeting["meetingDate"].partition(".")[0] == "2026-12-09T14:00:00"
    assert abs((datetime.fromisoformat(meeting["createdAt"]) - sent).total_seconds()) < 60


def test_read_back_times_have_zero_to_seven_decimals(sandbox: Sandbox) -> None:
    for _ in range(8):
        call(sandbox, CallKind.COMEBACK)
    dates = [meeting["meetingDate"] for meeting in get(sandbox, MEETINGS).json["meetings"]]
    assert {len(date.partition(".")[2]) for date in dates} == set(range(8))


def test_a_registration_is_read_back_with_its_slot(sandbox: Sandbox) -> None:
    call(sandbox, CallKind.VIEWING_REGISTRATION, participated=True)
    assert get(sandbox, PARTICIPANTS).json == [
        {"timeSlotId": "TID1", "contactId": "ADR1", "viewingId": "VIS1", "participated": True, "contacted": False}
    ]


def test_read_backs_see_only_their_own_contact_viewing_and_office(sandbox: Sandbox) -> None:
    call(sandbox, CallKind.COMEBACK)
    call(sandbox, CallKind.VIEWING_REGISTRATION)
    for path in (MEETINGS.replace("ADR1", "ADR2"), MEETINGS.replace("M30001", "M30009")):
        assert get(sandbox, path).json["meetings"] == []
    for path in (PARTICIPANTS.replace("VIS1", "VIS2"), PARTICIPANTS.replace("ADR1", "ADR2")):
        assert get(sandbox, path).json == []


def test_read_backs_see_only_applied_calls(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "server_error"}])
    call(sandbox, CallKind.COMEBACK)
    sandbox.play(None)
    assert get(sandbox, MEETINGS).json["meetings"] == []


def test_a_look_up_is_in_the_ledger_as_not_applied(sandbox: Sandbox) -> None:
    get(sandbox, MEETINGS)
    (entry,) = sandbox.ledger.requests()
    assert (entry.method, entry.kind) == ("GET", "comeback_look_up")
    assert (entry.status, entry.applied) == (200, False)


def test_a_refused_call_is_in_the_ledger_as_not_applied(sandbox: Sandbox) -> None:
    assert call(sandbox, CallKind.COMEBACK, date="i morgon").status == 400
    assert [(entry.status, entry.applied) for entry in sandbox.ledger.requests()] == [(400, False)]
    assert sandbox.ledger.created() == []


def test_a_request_is_in_the_ledger_with_its_body(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "POST", PATHS[CallKind.ORDER_TOKEN], '{"data": "åäö"}'.encode(), X_Request_Id="17.3")
    (entry,) = sandbox.ledger.requests()
    assert (entry.request_id, entry.customer_id) == ("17.3", "M30001")
    assert entry.body == '{"data": "åäö"}'
    assert (entry.remote_id, entry.fault) == (reply.json["orderId"], None)


def test_an_unknown_path_is_in_the_ledger_too(sandbox: Sandbox) -> None:
    assert ask(sandbox, "POST", "/Nowhere", b"{}").status == 404
    assert [(entry.path, entry.kind) for entry in sandbox.ledger.requests()] == [("/Nowhere", None)]


def test_every_answer_names_the_sandbox(sandbox: Sandbox) -> None:
    replies = [
        call(sandbox, CallKind.APPOINTMENT),
        ask(sandbox, "POST", "/Nowhere"),
        get(sandbox, "/"),
        get(sandbox, "/-/faults"),
    ]
    assert {reply.headers["Server"] for reply in replies} == {"vitec-sync-sandbox"}


def test_a_connection_is_kept_for_the_next_request(sandbox: Sandbox) -> None:
    connection = HTTPConnection("127.0.0.1", sandbox.port, timeout=10)
    headers = {"Authorization": LOGIN, "Content-Type": "application/json"}
    ports = set()
    with closing(connection):
        for kind, path in PATHS.items():
            body = json.dumps(BODIES[kind]) if kind in BODIES else None
            connection.request(METHODS.get(kind, "POST"), path, body, headers)
            ports.add(connection.sock.getsockname())
            assert connection.getresponse().read() or kind.startswith("viewing")
    assert len(ports) == 1
    assert sandbox.ledger.count(applied=True) == len(PATHS)


def test_a_head_request_gets_a_head(sandbox: Sandbox) -> None:
    reply = ask(sandbox, "HEAD", PATHS[CallKind.NOTIFICATION], Authorization=LOGIN)
    assert (reply.status, reply.body) == (405, b"")


def test_many_requests_wait_at_the_same_time() -> None:
    with running_sandbox(latency=Latency.parse("300ms")) as slow, ThreadPoolExecutor(20) as threads:
        began = monotonic()
        replies = list(threads.map(lambda _: call(slow, CallKind.APPOINTMENT), range(20)))
        took = monotonic() - began
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json for reply in replies}) == 20
    assert 0.3 <= took < 3  # One after the other would take 6 s.
