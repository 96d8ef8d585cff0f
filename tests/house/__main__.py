"""`python -m tests.house`: print each place that breaks a rule of the house. Status 1: there are some."""

# ruff: noqa: T201 (its output is what it is for)

import sys

from run import ROOT
from tests.house.check import FOLDERS, all_faults
from tests.house.source import read_tree


def main() -> int:
    """Check the tree that this file is in."""
    faults = list(all_faults(read_tree(ROOT, FOLDERS)))
    if not faults:
        return 0
    print(*faults, sep="\n")
    print("A rule of the house is broken: see the places above, and CONTRIBUTING.md.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
