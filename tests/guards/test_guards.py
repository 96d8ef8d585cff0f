"""The list of guards is true: their texts stand, their tests exist, every rule has one, and taking one out is noticed.

The whole list is tried by `python -m tests.guards`, which takes several minutes.
"""

import ast
import re
from pathlib import Path

import pytest

from run import ROOT
from tests.guards.every import GUARDS
from tests.guards.guard import Guard
from tests.guards.trying import Verdict, copy_of_the_tree, run_test, try_without

RULES = set(range(1, 34))


@pytest.mark.parametrize("guard", GUARDS, ids=lambda guard: f"{guard.rule}-{guard.name}")
def test_a_guard_stands_in_the_code_and_has_its_test(guard: Guard) -> None:
    assert guard.stands(ROOT)
    assert guard.without != guard.source
    path, _, name = guard.test.partition("::")
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    assert name.partition("[")[0] in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_rule_of_a_turn_has_a_guard() -> None:
    assert {guard.rule for guard in GUARDS} == RULES


def test_every_rule_has_its_place_in_the_protocol() -> None:
    rows = re.findall(r"^\| (\d+)(?:–(\d+))? \|", (ROOT / "docs/protocol.md").read_text("utf-8"), re.MULTILINE)
    assert [rule for first, last in rows for rule in range(int(first), int(last or first) + 1)] == sorted(RULES)


def test_a_python_without_pytest_notices_nothing(tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("raise SystemExit(1)")
    assert run_test("tests/test_settings.py", tmp_path) == -1


@pytest.mark.slow
@pytest.mark.parametrize(("rule", "verdict"), [(13, Verdict.NOTICED), (10, Verdict.NOTICED)])
def test_a_guard_that_is_taken_out_is_noticed(rule: int, verdict: Verdict) -> None:
    guard = next(guard for guard in reversed(GUARDS) if guard.rule == rule)
    with copy_of_the_tree() as copy:
        assert try_without(guard, copy) is verdict


@pytest.mark.slow
def test_an_unnoticed_or_missing_guard_is_reported() -> None:
    """A change that changes nothing is not noticed, and a text that is not there is not taken out."""
    test = "tests/test_settings.py::test_settings_do_not_change"
    harmless = Guard(0, "nothing", "worker/settings.py", "LEASE_MARGIN = 15.0", "LEASE_MARGIN = 15.00", test)
    gone = Guard(0, "gone", "worker/settings.py", "LEASE_MARGIN = 16.0", "", test)
    with copy_of_the_tree() as copy:
        assert try_without(harmless, copy) is Verdict.UNNOTICED
        assert try_without(gone, copy) is Verdict.MOVED
