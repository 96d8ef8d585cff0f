"""`python -m tests.guards [RULE…]`: take guards out of a copy, and print whether their tests noticed. Status 1: not all did."""

# ruff: noqa: T201 (its output is what it is for)

import sys
from collections import Counter

from tests.guards.every import GUARDS
from tests.guards.guard import Guard
from tests.guards.trying import Verdict, copy_of_the_tree, try_without


def main(rules: list[str]) -> int:
    """Try the guards of these rules, or all of them."""
    chosen = [guard for guard in GUARDS if not rules or str(guard.rule) in rules]
    if not chosen:
        print(f"There is no guard of rule {', '.join(rules)}.", file=sys.stderr)
        return 2
    verdicts: Counter[Verdict] = Counter()
    print(f"{'rule':>4} | {'guard':<62} | {'removed':<20} | test that noticed")
    with copy_of_the_tree() as copy:
        for guard in chosen:
            verdict = try_without(guard, copy)
            verdicts[verdict] += 1
            print(_line(guard, verdict), flush=True)
    print(", ".join(f"{count} {verdict.value}" for verdict, count in verdicts.items()))
    return 0 if set(verdicts) == {Verdict.NOTICED} else 1


def _line(guard: Guard, verdict: Verdict) -> str:
    noticed = guard.test.rpartition("::")[2] if verdict is Verdict.NOTICED else f"{verdict.value} ({guard.test})"
    place = guard.file.removeprefix("worker/")
    return f"{guard.rule:>4} | {guard.name:<62} | {place:<20} | {noticed}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
