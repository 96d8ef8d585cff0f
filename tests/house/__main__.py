"""`python -m tests.house`: every fault of the house with its file, line and remedy. 1: there are some."""

# ruff: noqa: T201 (its output is what it is for)

import sys

from run import ROOT
from tests.house.check import FOLDERS, faults_above, slack
from tests.house.source import read_tree


def main() -> int:
    """Check the tree that this file is in."""
    sources = read_tree(ROOT, FOLDERS)
    faults = faults_above(sources)
    for fault in faults:
        print(fault)
    for line in slack(sources):
        print(f"tests/house/check.py: a ceiling can be lowered: {line}")
    if faults:
        print(f"{len(faults)} faults, some or all of them new. CONTRIBUTING.md says the rules.", file=sys.stderr)
        return 1
    print(f"The house is in order: {len(sources)} files.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
