"""The tables of docs/performance.md come from the reports of the bench. `python3 run.py bench --page`.

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


def run(chosen: argparse.Namespace) -> int:
    """Put the reports that are there into the page; say which are not."""
    before = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(filled(before, chosen.out), encoding="utf-8")
    if (chosen.out / "report.svg").exists():
        shutil.copyfile(chosen.out / "report.svg", PICTURE)
    missing = [name for _, name, _ in PLACE.findall(before) if not (chosen.out / f"{name}.md").exists()]
    if missing:
        print(f"left as they were: {', '.join(missing)}", file=sys.stderr)
    return 3 if missing else 0


def filled(page: str, folder: Path) -> str:
    """The page with the folder's reports in their places."""

    def report(place: re.Match[str]) -> str:
        opening, name, end = place.groups()
        file = folder / f"{name}.md"
        return f"{opening}\n{file.read_text(encoding='utf-8').strip()}\n\n{end}" if file.exists() else place[0]

    return PLACE.sub(report, page)
