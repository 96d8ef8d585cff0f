"""Each fault of the wire does to the bytes what its name says, after the ledger has been written."""

import re
import socket
from time import monotonic

import pytest

from tests.sandbox.client import BODIES, MEETINGS, call, connect, get, receive_all, receive_until, request_bytes, send
from worker.sandbox import CONNECTION_FAULTS, CallKind, Fault, FaultStage, Sandbox
from worker.sandbox.faults.wire import WIRE_FAULTS

SLOW = 0.002


def until_received(sandbox: Sandbox, *, applied: bool | None = None) -> None:
    deadline = monotonic() + 10
    while not sandbox.ledger.count(applied=applied):
        assert monotonic() < deadline, "nothing came into the ledger"


def play(sandbox: Sandbox, fault: Fault, seconds: float | None = None) -> None:
    sandbox.play([{"fault": fault, "seconds": seconds}])


def recorded(sandbox: Sandbox) -> list[tuple[str | None, int | None, bool, bool]]:
    """Fault, status begun, applied, and whether the body was read."""
    return [(entry.fault, entry.status, entry.applied, entry.body is not None) for entry in sandbox.ledger.requests()]


@pytest.mark.parametrize(
    ("fault", "applied", "read"),
    [
        (Fault.RESET_BEFORE_READING, False, False),
        (Fault.RESET_BEFORE_PROCESSING, False, True),
        (Fault.RESET_AFTER_PROCESSING, True, True),
    ],
)
def test_a_reset_is_a_reset(sandbox: Sandbox, fault: Fault, applied: bool, read: bool) -> None:
    play(sandbox, fault)
    with pytest.raises(ConnectionResetError):
        send(sandbox, request_bytes())
    assert recorded(sandbox) == [(fault, None, applied, read)]


@pytest.mark.parametrize(
    ("fault", "applied", "read"),
    [(Fault.CLOSE_BEFORE_READING, False, False), (Fault.CLOSE_AFTER_PROCESSING, True, True)],
)
def test_a_close_is_an_end_without_a_byte(sandbox: Sandbox, fault: Fault, applied: bool, read: bool) -> None:
    play(sandbox, fault)
    assert send(sandbox, request_bytes()) == b""
    assert recorded(sandbox) == [(fault, None, applied, read)]


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_READING, Fault.CLOSE_BEFORE_READING])
def test_before_reading_means_before_the_body_has_come(sandbox: Sandbox, fault: Fault) -> None:
    play(sandbox, fault)
    head = request_bytes().partition(b"\r\n\r\n")[0] + b"\r\n\r\n"
    with connect(sandbox) as connection:
        connection.sendall(head)
        if fault is Fault.CLOSE_BEFORE_READING:
            assert connection.recv(1) == b""
        else:
            with pytest.raises(ConnectionResetError):
                connection.recv(1)


@pytest.mark.parametrize(
    ("fault", "applied"), [(Fault.HANG_BEFORE_PROCESSING, False), (Fault.HANG_AFTER_PROCESSING, True)]
)
def test_a_hang_sends_nothing_and_ends_in_time(sandbox: Sandbox, fault: Fault, applied: bool) -> None:
    play(sandbox, fault, seconds=0.5)
    began = monotonic()
    assert send(sandbox, request_bytes()) == b""
    assert monotonic() - began >= 0.5
    assert recorded(sandbox) == [(fault, None, applied, True)]


def test_a_hang_without_a_time_lasts_longer_than_the_client(sandbox: Sandbox) -> None:
    play(sandbox, Fault.HANG_AFTER_PROCESSING)
    with connect(sandbox, timeout=0.3) as connection:
        connection.sendall(request_bytes())
        with pytest.raises(TimeoutError):
            connection.recv(1)
    assert sandbox.ledger.count(applied=True) == 1


def test_the_ledger_is_written_before_the_fault_is_acted_out(sandbox: Sandbox) -> None:
    """As soon as the first byte of a dripping answer is here, the call is in the ledger, whole and applied."""
    play(sandbox, Fault.SLOW_DRIP, seconds=5)
    with connect(sandbox) as connection:
        connection.sendall(request_bytes())
        assert connection.recv(1) == b"H"
        assert recorded(sandbox) == [(Fault.SLOW_DRIP, 200, True, True)]


def test_a_late_act_is_received_at_once_and_applied_later(sandbox: Sandbox) -> None:
    play(sandbox, Fault.ACT_LATE, seconds=0.5)
    with connect(sandbox) as connection:
        connection.sendall(request_bytes(CallKind.COMEBACK))
        until_received(sandbox)
        sandbox.play(None)
        assert get(sandbox, MEETINGS).json["meetings"] == []
        assert b"CAL" in connection.recv(65536)
    assert len(get(sandbox, MEETINGS).json["meetings"]) == 1


def test_a_late_act_happens_without_a_waiting_client(sandbox: Sandbox) -> None:
    play(sandbox, Fault.ACT_LATE, seconds=0.3)
    with connect(sandbox) as connection:
        connection.sendall(request_bytes())
        until_received(sandbox)
    until_received(sandbox, applied=True)


def test_a_slow_drip_comes_byte_by_byte_and_whole(sandbox: Sandbox) -> None:
    play(sandbox, Fault.SLOW_DRIP, seconds=SLOW)
    began = monotonic()
    answer = send(sandbox, request_bytes())
    assert monotonic() - began >= len(answer) * SLOW
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK\r\nServer: vitec-sync-sandbox\r\n")
    assert body.decode().strip('"') == sandbox.ledger.applied()[0].remote_id


def test_a_chunked_drip_is_one_byte_to_a_chunk(sandbox: Sandbox) -> None:
    play(sandbox, Fault.CHUNKED_DRIP, seconds=SLOW)
    head, _, body = send(sandbox, request_bytes()).partition(b"\r\n\r\n")
    assert b"\r\nTransfer-Encoding: chunked" in head
    assert b"Content-Length" not in head
    assert body.startswith(b'1\r\n"\r\n1\r\nC\r\n1\r\nA\r\n')
    assert body.endswith(b'1\r\n"\r\n0\r\n\r\n')


def test_a_chunked_drip_is_an_answer_to_a_client(sandbox: Sandbox) -> None:
    play(sandbox, Fault.CHUNKED_DRIP, seconds=SLOW)
    assert call(sandbox, CallKind.APPOINTMENT).json == sandbox.ledger.applied()[0].remote_id


def test_a_truncated_header_ends_in_the_middle_of_a_line(sandbox: Sandbox) -> None:
    play(sandbox, Fault.TRUNCATED_HEADER)
    answer = send(sandbox, request_bytes())
    assert answer == b"HTTP/1.1 200 OK\r\nServer: vitec-sync-sandbox\r\nDat"
    assert recorded(sandbox) == [(Fault.TRUNCATED_HEADER, 200, True, True)]


@pytest.mark.parametrize("kind", list(BODIES))
def test_a_truncated_body_is_shorter_than_promised(sandbox: Sandbox, kind: CallKind) -> None:
    play(sandbox, Fault.TRUNCATED_BODY)
    head, _, body = send(sandbox, request_bytes(kind)).partition(b"\r\n\r\n")
    promised = int(head.rpartition(b"Content-Length: ")[2])
    assert 0 < len(body) < promised
    assert sandbox.ledger.count(applied=True) == 1


@pytest.mark.parametrize("delay_ms", [0, 50])
@pytest.mark.parametrize("kind", [CallKind.APPOINTMENT, CallKind.ORDER_TOKEN])
def test_a_second_answer_comes_unasked_with_another_id(sandbox: Sandbox, kind: CallKind, delay_ms: float) -> None:
    sandbox.play([{"fault": Fault.SECOND_ANSWER, "delay_ms": delay_ms, "times": 1}])
    with connect(sandbox) as connection:
        connection.sendall(request_bytes(kind))
        received = receive_until(connection, b"HTTP/1.1", times=2)
        connection.sendall(request_bytes(kind))
        received += receive_until(connection, b"HTTP/1.1", times=1)
    ids = [entry.remote_id for entry in sandbox.ledger.applied()]
    assert [word.decode() for word in re.findall(rb"(?:CAL|ORD|OTHER)\w{20,}", received)] == [
        ids[0],
        f"OTHER{(ids[0] or '')[::-1]}",
        ids[1],
    ]
    assert [entry.fault for entry in sandbox.ledger.requests()] == [Fault.SECOND_ANSWER, None]


def test_a_second_answer_waits_for_its_delay(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": Fault.SECOND_ANSWER, "delay_ms": 100}])
    began = monotonic()
    with connect(sandbox) as connection:
        connection.sendall(request_bytes())
        receive_until(connection, b"HTTP/1.1", times=2)
    assert monotonic() - began >= 0.1


def test_a_client_that_left_gets_no_second_answer(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": Fault.SECOND_ANSWER, "delay_ms": 20}])
    assert call(sandbox, CallKind.APPOINTMENT).status == 200
    assert call(sandbox, CallKind.APPOINTMENT).status == 200


def test_a_fault_cuts_one_connection_and_no_other(sandbox: Sandbox) -> None:
    sandbox.play([{"fault": "hang_after_processing", "times": 1}])
    with connect(sandbox) as hanging:
        hanging.sendall(request_bytes())
        until_received(sandbox)
        assert call(sandbox, CallKind.APPOINTMENT).status == 200


def test_no_fault_applies_an_invalid_call(sandbox: Sandbox) -> None:
    play(sandbox, Fault.RESET_AFTER_PROCESSING)
    with pytest.raises(ConnectionResetError):
        send(sandbox, request_bytes(body=b'{"subject": ""}'))
    assert recorded(sandbox) == [(Fault.RESET_AFTER_PROCESSING, None, False, True)]


def test_an_incomplete_request_is_not_in_the_ledger(sandbox: Sandbox) -> None:
    with connect(sandbox) as connection:
        connection.sendall(request_bytes()[:-5])
        connection.shutdown(socket.SHUT_WR)
        assert receive_all(connection) == b""
    assert sandbox.ledger.count() == 0


def test_each_fault_has_one_place_where_it_strikes() -> None:
    early = {fault for fault in Fault if fault.stage is FaultStage.BEFORE_READING}
    assert early == {Fault.RESET_BEFORE_READING, Fault.CLOSE_BEFORE_READING}
    assert {fault for fault in Fault if fault.stage is FaultStage.ON_CONNECT} == CONNECTION_FAULTS
    assert not CONNECTION_FAULTS & WIRE_FAULTS
    assert not any(fault.applies for fault in early | CONNECTION_FAULTS)
