"""The first byte and the withdrawal exclude each other."""

from __future__ import annotations

import threading
import time

from worker.vitec.http_attempt import Permit


def permit(seconds: float = 60.0) -> Permit:
    return Permit(time.monotonic() + seconds)


def test_a_revoked_permit_is_never_used() -> None:
    right = permit()
    assert right.revoke()
    assert not right.use()
    assert (right.written, right.revoked) == (False, True)


def test_a_used_permit_cannot_be_revoked() -> None:
    right = permit()
    assert right.use()
    assert not right.revoke()
    assert (right.written, right.revoked) == (True, False)


def test_a_permit_is_good_for_one_request() -> None:
    right = permit()
    assert right.use()
    assert not right.use()
    assert right.written


def test_a_permit_is_void_after_its_deadline() -> None:
    right = permit(-0.001)
    assert not right.use()
    assert right.revoke()


def test_the_lease_may_forbid_at_the_last_moment() -> None:
    questions = []

    def may_write() -> bool:
        questions.append(1)
        return False

    right = Permit(time.monotonic() + 60, may_write)
    assert questions == []
    assert not right.use()
    assert questions == [1]
    assert right.written is False
    assert right.revoked is True


def test_the_lease_is_asked_under_the_lock() -> None:
    """A withdrawal that comes while it is asked waits for the answer, and then learns that it is too late."""
    withdrawn: list[bool] = []
    threads: list[threading.Thread] = []

    def may_write() -> bool:
        threads.append(threading.Thread(target=lambda: withdrawn.append(right.revoke())))
        threads[0].start()
        threads[0].join(0.05)
        assert withdrawn == []
        return True

    right = Permit(time.monotonic() + 60, may_write)
    assert right.use()
    threads[0].join(10)
    assert withdrawn == [False]


def test_a_permit_is_used_or_revoked_but_never_both() -> None:
    for _ in range(200):
        right = permit()
        start = threading.Barrier(4)
        used: list[bool] = []
        withdrawn: list[bool] = []

        def use(start: threading.Barrier = start, right: Permit = right, used: list[bool] = used) -> None:
            start.wait(10)
            used.append(right.use())

        def revoke(
            start: threading.Barrier = start, right: Permit = right, withdrawals: list[bool] = withdrawn
        ) -> None:
            start.wait(10)
            withdrawals.append(right.revoke())

        threads = [threading.Thread(target=target) for target in (use, use, revoke, revoke)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert sum(used) == (0 if withdrawn[0] else 1)
        assert withdrawn[0] == withdrawn[1]
        assert right.written != right.revoked
