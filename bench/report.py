"""What was measured, as text, JSON and a picture."""

from __future__ import annotations

import json
from dataclasses import dataclass
from html import escape
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from bench.race import Contender, Result

_WIDTH, _BAR, _LEFT = 760, 26, 330


@dataclass(frozen=True, slots=True)
class Line:
    """One contender's medians. `ratio`: to the bare session, taken round by round."""

    name: str
    title: str
    rate: float
    ratio: float | None
    cpu: float
    parts: Mapping[str, float]
    rounds: int


def lines(contenders: Sequence[Contender], results: Mapping[str, Sequence[Result]]) -> list[Line]:
    """The medians, in the order of the contenders; those without a result are left out."""
    bare = results.get("bare", ())
    found = []
    for one in contenders:
        own = results.get(one.name, ())
        if own:
            ratios = [mine.rate / limit.rate for mine, limit in zip(own, bare, strict=False)]
            parts = {part: median(result.cpu[part] for result in own) for part in own[0].cpu}
            cpu = median(result.total for result in own)
            rate, ratio = median(result.rate for result in own), median(ratios) if ratios else None
            found.append(Line(one.name, one.title, rate, ratio, cpu, parts, len(own)))
    return found


def text(found: Sequence[Line], about: Mapping[str, Any]) -> str:
    """A table in Markdown, which reads well as it stands."""
    rows = ["| who | ops/s | of the bare session | CPU, ms/op | client | database | broker | server |"]
    rows.append("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for line in found:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        parts = " | ".join(f"{line.parts.get(part, 0):.3f}" for part in ("client", "database", "broker", "server"))
        rows.append(f"| {line.title} | {line.rate:,.0f} | {ratio} | {line.cpu:.3f} | {parts} |")
    said = "; ".join(f"{name}: {value}" for name, value in about.items())
    return "\n".join([*rows, "", said, ""])


def as_json(found: Sequence[Line], about: Mapping[str, Any]) -> str:
    """The same figures for machines."""
    listed = [{name: getattr(line, name) for name in Line.__slots__} for line in found]
    return json.dumps({"about": about, "lines": listed}, indent=1, ensure_ascii=False, default=dict) + "\n"


def svg(found: Sequence[Line]) -> str:
    """Bars of the rates, by hand: a plotting library would be larger than all of this."""
    most, height = max(line.rate for line in found), _BAR * len(found) + 40
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
    bars = [
        f'{frame} font-size="13"><rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        '<text x="10" y="20" font-weight="bold">Operations per second (CPU of all processes, ms per operation)</text>',
    ]
    for place, line in enumerate(found):
        top = 34 + place * _BAR
        width = max(1, round((_WIDTH - _LEFT - 130) * line.rate / most))
        ours = line.name.startswith(("worker", "turns"))
        bars.append(
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(line.title)}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{_BAR - 8}" fill="{"#2a6f4e" if ours else "#9aa5b1"}"/>'
            f'<text x="{_LEFT + width + 6}" y="{top + 14}">{line.rate:,.0f} ({line.cpu:.2f})</text>'
        )
    return "\n".join([*bars, "</svg>", ""])


def write(folder: Path, found: Sequence[Line], about: Mapping[str, Any]) -> None:
    """Put all three into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(text(found, about), encoding="utf-8")
    (folder / "report.json").write_text(as_json(found, about), encoding="utf-8")
    (folder / "report.svg").write_text(svg(found), encoding="utf-8")
