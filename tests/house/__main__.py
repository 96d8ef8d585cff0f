"""`python -m tests.house`: how the tree stands to the rules, and each fault above a ceiling. 1: there are some."""

# ruff: noqa: T201 (its output is what it is for)

import sys

from run import ROOT
from tests.house.check import FOLDERS, standings
from tests.house.source import read_tree


def main() -> int:
    """Check the tree that this file is in."""
    broken = False
    for standing in standings(read_tree(ROOT, FOLDERS)):
        print(standing)
        if not standing.is_kept:
            broken = True
            print(*standing.faults, sep="\n")
    if broken:
        print("A rule of the house is broken: see the places above, and CONTRIBUTING.md.", file=sys.stderr)
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
