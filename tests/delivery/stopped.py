"""A process that holds a lease and is stopped in the middle: run as `python -m tests.delivery.stopped SCENE PORT`.

It stops itself at the worst moment, between the last check and the write. The kernel decides what follows.
"""

import signal
import socket
import sys
import threading
from collections.abc import Callable

from worker.delivery.dead_mans_switch import ClockReading, DeadMansSwitch, restore_default_sigalrm

LEASE = 0.7
MARGIN = 0.1


def begin_lease(count: int = 1, *, lease: float = LEASE) -> DeadMansSwitch:
    """Make a switch under a lease that begins now, with `count` requests on their way."""
    switch = DeadMansSwitch(MARGIN)
    switch.start_lease(ClockReading.now(), lease)
    assert switch.admit(count), "the machine is too slow for this lease"
    return switch


def stop() -> None:
    """Stop this process, until SIGCONT.

    The signal goes to this very thread, which then does not return before the stop; a signal to the process might reach
    another thread, while this one goes on and writes within its lease.
    """
    signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)


def checked_then_stopped(sock: socket.socket) -> None:
    """The check says yes; then the process is stopped; then it writes."""
    assert begin_lease().may_write()
    stop()
    sock.sendall(b"a byte outside the lease")


def stopped_in_a_thread(sock: socket.socket) -> None:
    """The same in a sending thread, while the main thread waits for the database."""
    switch = begin_lease()

    def send() -> None:
        assert switch.may_write()
        stop()
        sock.sendall(b"a byte outside the lease")

    thread = threading.Thread(target=send)
    thread.start()
    thread.join()


def one_of_two_has_ended(sock: socket.socket) -> None:
    """Another request is still on its way."""
    begin_lease(2).leave()
    stop()
    sock.sendall(b"a byte outside the lease")


def only_answers_are_held(sock: socket.socket) -> None:
    """Nothing can be written any more: the process must live, or its answers are lost."""
    begin_lease().leave()
    stop()
    sock.sendall(b"alive")


def a_thread_was_the_last(sock: socket.socket) -> None:
    """The thread of the last request disarms the timer, since the main thread may be waiting for the database."""
    switch = begin_lease()
    thread = threading.Thread(target=switch.leave)
    thread.start()
    thread.join()
    stop()
    sock.sendall(b"alive")


def the_lease_was_renewed(sock: socket.socket) -> None:
    """The timer follows the lease that stands, not the one at the start."""
    switch = begin_lease()
    switch.start_lease(ClockReading.now(), 60)
    stop()
    if switch.may_write():
        sock.sendall(b"alive")


def a_lease_that_has_ended_lets_nothing_begin(sock: socket.socket) -> None:
    """Stopped before the hand-over: no request begins, and the process is not killed."""
    switch = DeadMansSwitch(MARGIN)
    switch.start_lease(ClockReading.now(), LEASE)
    stop()
    sock.sendall(b"a byte outside the lease" if switch.admit(1) else b"alive")


def an_alarm_was_caught(sock: socket.socket) -> None:
    """SIGALRM ends the process, whatever action it had before."""
    signal.signal(signal.SIGALRM, signal.SIG_IGN)
    restore_default_sigalrm()
    checked_then_stopped(sock)


SCENES: dict[str, Callable[[socket.socket], None]] = {
    scene.__name__: scene
    for scene in (
        checked_then_stopped,
        stopped_in_a_thread,
        one_of_two_has_ended,
        only_answers_are_held,
        a_thread_was_the_last,
        the_lease_was_renewed,
        a_lease_that_has_ended_lets_nothing_begin,
        an_alarm_was_caught,
    )
}

if __name__ == "__main__":
    with socket.create_connection(("127.0.0.1", int(sys.argv[2]))) as sock:
        restore_default_sigalrm()
        SCENES[sys.argv[1]](sock)
