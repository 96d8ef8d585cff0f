"""The guards of rules 18 to 21 and 27: the moments at which a byte may leave, and the end of a turn."""

from tests.guards.guard import Guard

PERMIT = "worker/vitec/http_attempt.py"
SWITCH = "worker/delivery/dead_mans_switch.py"
TURN = "worker/delivery/turn.py"
_PERMIT_TEST = "tests/vitec/test_permit.py::"
_SWITCH_TEST = "tests/delivery/test_dead_mans_switch.py::"
_ENDING_TEST = "tests/delivery/test_ending.py::"
_DEADLY = f"{_SWITCH_TEST}test_a_process_stopped_past_its_lease_writes_no_byte"
_HARMLESS = f"{_SWITCH_TEST}test_a_process_that_could_write_nothing_outside_its_lease_lives"

GUARDS = (
    Guard(
        18,
        "a revoked permit is not used",
        PERMIT,
        "if self.revoked or time.monotonic() >= self.deadline or not self.may_write():",
        "if time.monotonic() >= self.deadline or not self.may_write():",
        f"{_PERMIT_TEST}test_a_revoked_permit_is_never_used",
    ),
    Guard(
        18,
        "a used permit is not revoked",
        PERMIT,
        "            if self.written:\n                return False\n            self.revoked = True\n            return True\n",
        "            self.revoked = True\n            return True\n",
        f"{_PERMIT_TEST}test_a_used_permit_cannot_be_revoked",
    ),
    Guard(
        19,
        "a killed process delivers nothing late",
        "worker/vitec/connection.py",
        "sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER)",
        "pass",
        "tests/vitec/test_request.py::test_a_killed_process_delivers_nothing_late",
    ),
    Guard(
        19,
        "unsent bytes do not outlast the deadline",
        "worker/vitec/connection.py",
        "self.sock.setsockopt(socket.IPPROTO_TCP, _TCP_USER_TIMEOUT, max(1, int(attempt.remaining() * 1000)))",
        "pass",
        "tests/vitec/test_request.py::test_the_sockets_options_are_set_before_the_first_byte",
    ),
    Guard(
        20,
        "the timer is armed",
        SWITCH,
        "        signal.setitimer(signal.ITIMER_REAL, remaining)\n",
        "",
        f"{_DEADLY}[checked_then_stopped]",
    ),
    Guard(
        20,
        "the alarm's action is the default one",
        SWITCH,
        "    signal.signal(signal.SIGALRM, signal.SIG_DFL)\n",
        "",
        f"{_DEADLY}[an_alarm_was_caught]",
    ),
    Guard(
        20,
        "the timer stays armed while another request runs",
        SWITCH,
        "            if self.count == 0:\n",
        "            if self.count >= 0:\n",
        f"{_DEADLY}[one_of_two_has_ended]",
    ),
    Guard(
        20,
        "a process that only holds answers is not killed",
        SWITCH,
        "                signal.setitimer(signal.ITIMER_REAL, 0)\n",
        "                pass\n",
        f"{_HARMLESS}[only_answers_are_held]",
    ),
    Guard(
        20,
        "the timer follows a renewed lease",
        SWITCH,
        "            if self.count:\n                self._arm()\n",
        "",
        f"{_HARMLESS}[the_lease_was_renewed]",
    ),
    Guard(
        20,
        "the timer fires before the lease's end",
        SWITCH,
        "ClockReading(reading.monotonic + lease - self.margin, ",
        "ClockReading(reading.monotonic + lease, ",
        f"{_SWITCH_TEST}test_the_switch_fires_before_the_lease_after_a_slow_claim",
    ),
    Guard(
        20,
        "a remainder of nothing never reaches the timer",
        SWITCH,
        "        if remaining <= 0:",
        "        if remaining < -1000:",
        f"{_SWITCH_TEST}test_a_remainder_of_nothing_never_reaches_the_timer",
    ),
    Guard(
        20,
        "a thread paused after arming is not admitted",
        SWITCH,
        "return self.clock().monotonic - before.monotonic < FRESH",
        "return True",
        f"{_SWITCH_TEST}test_a_thread_paused_after_arming_is_not_admitted",
    ),
    Guard(
        20,
        "a suspended machine writes nothing",
        SWITCH,
        " and reading.boot < ends.boot",
        "",
        f"{_SWITCH_TEST}test_a_machine_that_was_suspended_writes_nothing",
    ),
    Guard(
        20,
        "the lease is asked just before the first byte",
        "worker/delivery/sending.py",
        "Permit(job.deadline, self._switch.may_write)",
        "Permit(job.deadline)",
        "tests/delivery/test_sending.py::test_outside_the_lease_nothing_is_written",
    ),
    Guard(
        20,
        "the lease is reckoned from before it was taken",
        TURN,
        "switch.start_lease(reading, policy.lease)",
        "switch.start_lease(ClockReading.now(), policy.lease)",
        f"{_ENDING_TEST}test_the_lease_counts_from_before_its_statement",
    ),
    Guard(
        20,
        "a renewed lease is reckoned from before its renewal",
        TURN,
        "self.switch.start_lease(reading, self.policy.lease)",
        "self.switch.start_lease(ClockReading.now(), self.policy.lease)",
        f"{_ENDING_TEST}test_the_lease_counts_from_before_its_statement",
    ),
    Guard(
        21,
        "a thread that will not end ends the process",
        TURN,
        "            os._exit(70)\n",
        "            pass\n",
        f"{_ENDING_TEST}test_a_turn_whose_thread_will_not_end_ends_the_process",
    ),
    Guard(
        21,
        "a turn waits for its threads",
        "worker/delivery/sending.py",
        "        for thread in self._pool:\n            thread.join()\n",
        "",
        "tests/delivery/test_sending.py::test_closing_waits_for_running_requests",
    ),
    Guard(
        21,
        "pools that share a process are refused",
        "worker/processes/main_process.py",
        "    if pool_name(worker) is None:\n",
        "    if worker is None:\n",
        "tests/running/test_refusals.py::test_options_under_which_a_turn_is_not_safe_are_refused",
    ),
    Guard(
        27,
        "a stop ends the claiming",
        "worker/delivery/ending.py",
        "        if self.stopping():\n",
        "        if self.stopping is None:\n",
        "tests/delivery/test_turn.py::test_a_stop_claims_nothing_and_finishes_requests_in_flight",
    ),
    Guard(
        27,
        "a stop that was asked before takes no lane",
        TURN,
        "    if stopping():\n",
        "    if stopping is None:\n",
        f"{_ENDING_TEST}test_a_stop_that_was_asked_before_takes_no_lane",
    ),
)
