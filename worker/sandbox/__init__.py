"""A stand-in for Vitec Connect: it remembers what it did and fails on demand. It is not Vitec, and sends nothing on.

It shares no code with the worker, as a foreign server would not.
"""

from worker.sandbox.api.access import CLOSED, EXPIRED, FULL, LENIENT, PASSWORD, UNKNOWN, USER, AccessRules
from worker.sandbox.api.calls import CallKind
from worker.sandbox.faults.fault import CONNECTION_FAULTS, Fault, FaultStage
from worker.sandbox.faults.script import Match, Rule, Script
from worker.sandbox.faults.wrong_clock import Cut, WrongClock
from worker.sandbox.latency import Latency
from worker.sandbox.ledger import CreatedThing, Ledger, LedgerEntry, SetStatus
from worker.sandbox.running import Sandbox, SandboxOptions, run_sandbox, running_sandbox
from worker.sandbox.server import Certificate

__all__ = [
    "CLOSED",
    "CONNECTION_FAULTS",
    "EXPIRED",
    "FULL",
    "LENIENT",
    "PASSWORD",
    "UNKNOWN",
    "USER",
    "AccessRules",
    "CallKind",
    "Certificate",
    "CreatedThing",
    "Cut",
    "Fault",
    "FaultStage",
    "Latency",
    "Ledger",
    "LedgerEntry",
    "Match",
    "Rule",
    "Sandbox",
    "SandboxOptions",
    "Script",
    "SetStatus",
    "WrongClock",
    "run_sandbox",
    "running_sandbox",
]
