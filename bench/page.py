"""Puts the reports of the bench into the tables of docs/performance.md. `python3 run.py bench --page`.

A table stands between `<!-- NAME -->` and `<!-- end -->` and is replaced by NAME.md of the reports' folder, if it is there.
"""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

from run import ROOT

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
PLACE = re.compile(r"(?s)(<!-- (\w+) -->\n).*?(<!-- end -->)")


def run(options: argparse.Namespace) -> int:
    """Put the reports into the page; name those that are missing."""
    before = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(fill_tables(before, options.out), encoding="utf-8")
    if (options.out / "report.svg").exists():
        shutil.copyfile(options.out / "report.svg", PICTURE)
    missing = [name for _, name, _ in PLACE.findall(before) if not (options.out / f"{name}.md").exists()]
    if missing:
        print(f"left as they were: {', '.join(missing)}", file=sys.stderr)
    return 3 if missing else 0


def fill_tables(page: str, folder: Path) -> str:
    """Fill the page's places with the folder's reports."""

    def report(place: re.Match[str]) -> str:
        opening, name, end = place.groups()
        file = folder / f"{name}.md"
        return f"{opening}\n{file.read_text(encoding='utf-8').strip()}\n\n{end}" if file.exists() else place[0]

    return PLACE.sub(report, page)
