"""`python -m tests.chaos`: run the failures, print the table, and end with 1 if a promise was broken."""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from run import clean_environment
from tests.chaos.measured import draw_results, write_page
from tests.chaos.parts import DATABASES, NO_SERVER, PARTS, PlannedPart, play_parts
from tests.processes import FIXED_DATES

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL_ON_SQLITE = ("G1", "G2", "G3")
"""Parts of which the short form plays a small share on SQLite too."""


def parse_arguments(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--long", dest="extent", action="store_const", const="long", help="the full extent: an hour")
    parser.add_argument("--short", dest="extent", action="store_const", const="short", help="minutes (the default)")
    parser.add_argument("--share", dest="extent", action="store_const", const="share", help="as in the test suite")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, such as G1,G3")
    parser.add_argument("--database", choices=DATABASES, help="PostgreSQL by default; the short form uses both")
    parser.add_argument("--seed", type=int, default=1, help="which faults strike whom, and who is killed")
    parser.add_argument("--write", type=Path, help="page whose tables are to show it, such as docs/reliability.md")
    parser.set_defaults(extent="short")
    chosen = parser.parse_args(arguments)
    chosen.only = chosen.only.upper().split(",")
    if unknown := set(chosen.only) - set(PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}, only {', '.join(PARTS)}")
    if chosen.write and not chosen.write.exists():
        parser.error(f"there is no page {chosen.write}")
    return chosen


def choose_parts(chosen: argparse.Namespace) -> list[PlannedPart]:
    """List the parts to run, each on its database."""
    database = chosen.database or "postgresql"
    parts = [part for part in chosen.only if database != "sqlite" or part not in NO_SERVER]
    planned_parts = [PlannedPart(part, database, chosen.extent, chosen.seed) for part in parts]
    if chosen.extent == "short" and chosen.database is None:
        planned_parts += [
            PlannedPart(part, "sqlite", "share", chosen.seed) for part in SMALL_ON_SQLITE if part in parts
        ]
    return planned_parts


def main(arguments: Sequence[str]) -> int:
    """Run the chosen parts and print their results."""
    chosen = parse_arguments(arguments)
    environment = {**clean_environment(dict(os.environ)), **FIXED_DATES}
    os.environ.clear()
    os.environ.update(environment)
    began, finished_parts = time.monotonic(), []
    for played in play_parts(choose_parts(chosen)):
        finished_parts.append(played)
        if chosen.write:
            write_page(chosen.write, played)
    print(f"\n{draw_results([result for played in finished_parts for result in played.results])}")
    print(f"\n{time.monotonic() - began:.0f} s in all")
    return 0 if all(played.holds for played in finished_parts) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
