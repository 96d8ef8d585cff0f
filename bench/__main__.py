"""`python3 run.py bench [--quick] [--only NAME …]`: compares contenders at the same job, or answers one question."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench import arrivals, carrying, comparing, fairness, flat, growth, intake, page, parts, pruning, snapshot, whole
from run import ROOT

QUESTIONS = {
    "growth": (growth.run, "cost of claim and settle as the table grows to --rows (1,000,000), and by lanes"),
    "snapshot": (snapshot.run, "the same after --rows (120,000) were drained beside a snapshot that is held open"),
    "whole": (whole.run, "the whole operation, sending included, in a table of --rows (1,000,000)"),
    "arrivals": (arrivals.run, "from a row's commit to its request"),
    "prune": (pruning.run, "blanking --rows (200,000) old payloads, and a drain beside it"),
    "intake": (intake.run, "imports of --rows (200,000) of each kind, or of --only, and results of as many"),
    "memory": (flat.run, "a worker's memory, descriptors and threads over --rows (200,000) operations"),
    "parts": (parts.run, "where the CPU time of an operation goes"),
    "carrying": (carrying.run, "what an operation costs PostgreSQL and Redis"),
    "page": (page.run, "no measurement: put the reports that are in --out into docs/performance.md"),
    "fairness": (fairness.run, "how long small customers wait beside large ones (simulated)"),
}
"""Questions that can be asked instead of the comparison; each is answered within minutes."""


def read_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="python3 run.py bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="little work, once, without the others")
    parser.add_argument("--only", nargs="+", metavar="NAME", help="these only; `bare` is always measured")
    parser.add_argument("--rows", type=int, help="how much work; 10,000 in the comparison")
    parser.add_argument("--rounds", type=int, help="how often; 3 by default")
    parser.add_argument("--latency", type=float, default=0.0, help="seconds the server waits before each answer")
    parser.add_argument("--out", type=Path, default=ROOT / "var" / "bench", help="where the report goes")
    questions = parser.add_mutually_exclusive_group()
    for name, (run, description) in QUESTIONS.items():
        questions.add_argument(f"--{name}", dest="run", action="store_const", const=run, help=description)
    parser.set_defaults(run=comparing.run)
    return parser.parse_args()


def main() -> int:
    """Measure, print and write the report."""
    options = read_arguments()
    status: int = options.run(options)
    return status


if __name__ == "__main__":
    sys.exit(main())
