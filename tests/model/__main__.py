# ruff: noqa: T201 (it is a command)
"""`python -m tests.model`: every mutant of the protocol, and the shortest history that finds it out.

With `--histories` in full, with `--long` also the protocol in its largest size; with `--page` only what
`docs/protocol.md` shows of it.
"""

import argparse
import sys
import textwrap
from time import perf_counter

from tests.model.mutants import LARGEST, MUTANTS, SOUND, Mutant, caught, sound
from tests.model.page import page
from tests.model.search import Found


def main() -> int:
    """Print the tables. Status 1 if a mutant survives, or the protocol itself is broken."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--histories", action="store_true", help="print each history step by step")
    parser.add_argument("--long", action="store_true", help="try the protocol in its largest size too (minutes)")
    parser.add_argument("--page", action="store_true", help="print what docs/protocol.md shows, and nothing else")
    asked = parser.parse_args()
    if asked.page:
        print(page())
        return 0
    good = _print_sound(asked.long)
    print()
    for mutant in MUTANTS:
        found = caught(mutant)
        good &= found is not None
        print(_line(mutant, found))
        if asked.histories and found is not None:
            print(_history(found))
    return 0 if good else 1


def _print_sound(long: bool) -> bool:
    good = True
    for size, rules in (*SOUND, LARGEST) if long else SOUND:
        began = perf_counter()
        seen = sound(rules)
        good &= seen.complete and seen.found is None
        verdict = "nothing can go wrong" if seen.found is None else seen.found.what
        print(f"the protocol, {size}: {seen.worlds:,} worlds, {verdict} ({perf_counter() - began:.1f} s)")
        if seen.found is not None:
            print(_history(seen.found))
    return good


def _line(mutant: Mutant, found: Found | None) -> str:
    verdict = "SURVIVES" if found is None else f"{found.what} (after {len(found.steps)} steps)"
    return f"{mutant.name:<82} → {verdict}"


def _history(found: Found) -> str:
    return textwrap.indent("\n".join(f"{number}. {step}" for number, step in enumerate(found.steps, 1)), "    ")


sys.exit(main())
