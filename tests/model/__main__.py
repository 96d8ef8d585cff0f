# ruff: noqa: T201 (it is a command)
"""`python -m tests.model`: every mutant of the protocol, and the shortest history that finds it out.

With `--histories` in full, with `--long` also the protocol in its largest size; with `--page` only what
`docs/protocol.md` shows of it.
"""

import argparse
import sys
import textwrap
from time import perf_counter

from tests.model.mutants import LARGEST, MUTANTS, SOUND, Mutant, counterexample_of, search_protocol
from tests.model.page import page
from tests.model.search import Counterexample


def main() -> int:
    """Print the tables. Status 1 if a mutant survives, or the protocol itself is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--histories", action="store_true", help="print each history step by step")
    parser.add_argument("--long", action="store_true", help="try the protocol in its largest size too (minutes)")
    parser.add_argument("--page", action="store_true", help="print what docs/protocol.md shows, and nothing else")
    arguments = parser.parse_args()
    if arguments.page:
        print(page())
        return 0
    good = _print_sound(arguments.long)
    print()
    for mutant in MUTANTS:
        counterexample = counterexample_of(mutant)
        good &= counterexample is not None
        print(_line(mutant, counterexample))
        if arguments.histories and counterexample is not None:
            print(_history(counterexample))
    return 0 if good else 1


def _print_sound(long: bool) -> bool:
    good = True
    for size, rules in (*SOUND, LARGEST) if long else SOUND:
        began = perf_counter()
        result = search_protocol(rules)
        good &= result.complete and result.counterexample is None
        verdict = "nothing can go wrong" if result.counterexample is None else result.counterexample.violation
        print(f"the protocol, {size}: {result.worlds:,} worlds, {verdict} ({perf_counter() - began:.1f} s)")
        if result.counterexample is not None:
            print(_history(result.counterexample))
    return good


def _line(mutant: Mutant, counterexample: Counterexample | None) -> str:
    verdict = (
        "SURVIVES"
        if counterexample is None
        else f"{counterexample.violation} (after {len(counterexample.steps)} steps)"
    )
    return f"{mutant.name:<82} → {verdict}"


def _history(counterexample: Counterexample) -> str:
    return textwrap.indent(
        "\n".join(f"{number}. {step}" for number, step in enumerate(counterexample.steps, 1)), "    "
    )


sys.exit(main())
