"""A script strikes whom it names, as often as it says, and the same way each time it is played."""

import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from worker.sandbox import CONNECTION_FAULTS, CallKind, Fault, Match, Rule, Script
from worker.sandbox.faults.script import FaultTarget, ScriptedFaults

COMEBACK = FaultTarget(CallKind.COMEBACK, "M1", "/Meeting/Comeback/M1/ADR1")
NOTIFICATION = FaultTarget(CallKind.NOTIFICATION, "M2", "/User/Notify/M2")


def played(rules: list[Rule], subjects: list[FaultTarget], seed: int = 0) -> list[Fault | None]:
    faults = ScriptedFaults(Script(seed=seed, rules=tuple(rules)))
    return [dealt.fault if (dealt := faults.for_request(subject)) else None for subject in subjects]


@pytest.mark.parametrize(
    ("match", "struck"),
    [
        (Match(), [True, True]),
        (Match(kind=CallKind.COMEBACK), [True, False]),
        (Match(customer_id="M2"), [False, True]),
        (Match(path="ADR1"), [True, False]),
        (Match(kind=CallKind.COMEBACK, customer_id="M2"), [False, False]),
    ],
)
def test_a_rule_strikes_whom_it_matches(match: Match, struck: list[bool]) -> None:
    dealt = played([Rule(fault=Fault.CONFLICT, match=match)], [COMEBACK, NOTIFICATION])
    assert [fault is Fault.CONFLICT for fault in dealt] == struck


def test_times_is_how_often() -> None:
    dealt = played([Rule(fault=Fault.CONFLICT, times=2)], [COMEBACK] * 4)
    assert dealt == [Fault.CONFLICT, Fault.CONFLICT, None, None]


def test_nth_counts_calls_that_match_the_other_conditions() -> None:
    rule = Rule(fault=Fault.CONFLICT, match=Match(kind=CallKind.COMEBACK, nth=2))
    dealt = played([rule], [COMEBACK, NOTIFICATION, NOTIFICATION, COMEBACK, COMEBACK])
    assert dealt == [None, None, None, Fault.CONFLICT, None]


def test_the_first_rule_that_strikes_is_the_only_one() -> None:
    rules = [Rule(fault=Fault.CONFLICT, times=1), Rule(fault=Fault.SERVER_ERROR)]
    assert played(rules, [COMEBACK] * 2) == [Fault.CONFLICT, Fault.SERVER_ERROR]


def test_a_seed_repeats_itself_and_another_differs() -> None:
    rules, subjects = [Rule(fault=Fault.CONFLICT, probability=0.5)], [COMEBACK] * 64
    assert played(rules, subjects, seed=1) == played(rules, subjects, seed=1)
    assert played(rules, subjects, seed=1) != played(rules, subjects, seed=2)


def test_probability_is_how_probable() -> None:
    dealt = played([Rule(fault=Fault.CONFLICT, probability=0.1)], [COMEBACK] * 2000)
    assert 140 <= len([fault for fault in dealt if fault]) <= 260


def test_the_order_in_which_paths_arrive_changes_nothing_for_each() -> None:
    subjects = [FaultTarget(CallKind.COMEBACK, "M1", f"/Meeting/Comeback/M1/ADR{number}") for number in range(200)]
    shuffled = random.Random(1).sample(subjects, len(subjects))
    rules = [Rule(fault=Fault.CONFLICT, probability=0.3)]
    assert dict(zip(subjects, played(rules, subjects), strict=True)) == dict(
        zip(shuffled, played(rules, shuffled), strict=True)
    )


def test_a_rule_may_override_its_faults_effect() -> None:
    assert [Rule(fault=Fault.SERVER_ERROR, applied=applied).activate().applied for applied in (None, True, False)] == [
        False,
        True,
        False,
    ]


@pytest.mark.parametrize("fault", sorted(CONNECTION_FAULTS))
def test_a_connection_fault_can_only_count_connections(fault: Fault) -> None:
    assert Rule(fault=fault, match=Match(nth=3)).match.nth == 3
    with pytest.raises(ValidationError, match="before any request"):
        Rule(fault=fault, match=Match(kind=CallKind.COMEBACK))


@pytest.mark.parametrize("fault", [Fault.RESET_BEFORE_READING, Fault.REFUSE_CONNECTIONS])
def test_a_fault_before_reading_cannot_be_applied(fault: Fault) -> None:
    with pytest.raises(ValidationError, match="cannot be applied"):
        Rule(fault=fault, applied=True)


def test_connections_and_requests_meet_only_their_own_faults() -> None:
    faults = ScriptedFaults(Script(rules=(Rule(fault=Fault.TLS_FAILURE), Rule(fault=Fault.CONFLICT))))
    connection, request = faults.for_connection(), faults.for_request(COMEBACK)
    assert connection is not None
    assert request is not None
    assert (connection.fault, request.fault) == (Fault.TLS_FAILURE, Fault.CONFLICT)


EXAMPLE: dict[str, Any] = {
    "seed": 7,
    "rules": [{"fault": "throttled_seconds", "seconds": 2.0, "times": 1, "match": {"kind": "comeback", "nth": 3}}],
    "clock": {"lead": -7.5, "cut": "minute"},
}


def test_a_script_reads_the_same_from_toml_json_and_python(tmp_path: Path) -> None:
    as_json, as_toml = tmp_path / "faults.json", tmp_path / "faults.toml"
    as_json.write_text(json.dumps(EXAMPLE))
    as_toml.write_text(
        'seed = 7\nclock = {lead = -7.5, cut = "minute"}\n[[rules]]\nfault = "throttled_seconds"\nseconds = 2.0\n'
        'times = 1\nmatch = {kind = "comeback", nth = 3}\n'
    )
    assert Script.read(as_json) == Script.read(as_toml) == Script.read(EXAMPLE)
    assert Script.read(EXAMPLE["rules"]) == Script(rules=Script.read(EXAMPLE).rules)
    assert Script.read(None) == Script()


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "earthquake"},
        {"fault": "conflict", "oops": 1},
        {"fault": "conflict", "match": {"kind": "estate"}},
        {"fault": "conflict", "times": 0},
        {"fault": "conflict", "probability": 1.5},
        {"fault": "conflict", "seconds": 0},
        {},
    ],
)
def test_a_wrong_rule_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Script.read([rule])
