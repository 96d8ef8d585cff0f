"""A stand-in for Vitec Connect: it remembers what it did and fails on demand. It is not Vitec and reaches nobody.

It knows nothing of the worker, as somebody else's server would not.
"""

from worker.sandbox.access import CLOSED, EXPIRED, FULL, PASSWORD, UNKNOWN, USER, House
from worker.sandbox.calls import Kind
from worker.sandbox.faults import DOOR_FAULTS, Fault, Stage
from worker.sandbox.latency import Latency
from worker.sandbox.ledger import Created, Entry, Ledger
from worker.sandbox.running import Options, Sandbox, run_sandbox, running_sandbox
from worker.sandbox.script import Match, Rule, Script
from worker.sandbox.server import Certificate

__all__ = [
    "CLOSED",
    "DOOR_FAULTS",
    "EXPIRED",
    "FULL",
    "PASSWORD",
    "UNKNOWN",
    "USER",
    "Certificate",
    "Created",
    "Entry",
    "Fault",
    "House",
    "Kind",
    "Latency",
    "Ledger",
    "Match",
    "Options",
    "Rule",
    "Sandbox",
    "Script",
    "Stage",
    "run_sandbox",
    "running_sandbox",
]
