"""Writes the comparison as text, JSON and a picture."""

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
class Medians:
    """One contender's medians. `ratio`: to the bare session, taken round by round."""

    name: str
    title: str
    rate: float
    ratio: float | None
    cpu: float
    parts: Mapping[str, float]
    rounds: int


def summarize(contenders: Sequence[Contender], results: Mapping[str, Sequence[Result]]) -> list[Medians]:
    """Take the medians, in the order of the contenders; those without a result are left out."""
    bare = results.get("bare", ())
    medians = []
    for contender in contenders:
        own = results.get(contender.name, ())
        if own:
            ratios = [result.rate / limit.rate for result, limit in zip(own, bare, strict=False)]
            parts = {part: median(result.cpu[part] for result in own) for part in own[0].cpu}
            cpu = median(result.total for result in own)
            rate, ratio = median(result.rate for result in own), median(ratios) if ratios else None
            medians.append(Medians(contender.name, contender.title, rate, ratio, cpu, parts, len(own)))
    return medians


def as_markdown(lines: Sequence[Medians], about: Mapping[str, Any]) -> str:
    """Write a table in Markdown, which reads well as it stands."""
    rows = ["| who | ops/s | of the bare session | CPU, ms/op | client | database | broker | server |"]
    rows.append("| --- | --: | --: | --: | --: | --: | --: | --: |")
    for line in lines:
        ratio = "" if line.ratio is None else f"{line.ratio:.2f}"
        parts = " | ".join(f"{line.parts.get(part, 0):.3f}" for part in ("client", "database", "broker", "server"))
        rows.append(f"| {line.title} | {line.rate:,.0f} | {ratio} | {line.cpu:.3f} | {parts} |")
    circumstances = "; ".join(f"{name}: {value}" for name, value in about.items())
    return "\n".join([*rows, "", circumstances, ""])


def as_json(lines: Sequence[Medians], about: Mapping[str, Any]) -> str:
    """Write the same figures for programs."""
    listed = [{name: getattr(line, name) for name in Medians.__slots__} for line in lines]
    return json.dumps({"about": about, "lines": listed}, indent=1, ensure_ascii=False, default=dict) + "\n"


def as_svg(lines: Sequence[Medians]) -> str:
    """Draw bars of the rates, by hand: a plotting library would be larger than all of this."""
    highest, height = max(line.rate for line in lines), _BAR * len(lines) + 40
    frame = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" font-family="sans-serif"'
    bars = [
        f'{frame} font-size="13"><rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
        '<text x="10" y="20" font-weight="bold">Operations per second (CPU of all processes, ms per operation)</text>',
    ]
    for place, line in enumerate(lines):
        top = 34 + place * _BAR
        width = max(1, round((_WIDTH - _LEFT - 130) * line.rate / highest))
        ours = line.name.startswith(("worker", "turns"))
        bars.append(
            f'<text x="{_LEFT - 8}" y="{top + 14}" text-anchor="end">{escape(line.title)}</text>'
            f'<rect x="{_LEFT}" y="{top}" width="{width}" height="{_BAR - 8}" fill="{"#2a6f4e" if ours else "#9aa5b1"}"/>'
            f'<text x="{_LEFT + width + 6}" y="{top + 14}">{line.rate:,.0f} ({line.cpu:.2f})</text>'
        )
    return "\n".join([*bars, "</svg>", ""])


def write_report(folder: Path, lines: Sequence[Medians], about: Mapping[str, Any]) -> None:
    """Put all three into the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.md").write_text(as_markdown(lines, about), encoding="utf-8")
    (folder / "report.json").write_text(as_json(lines, about), encoding="utf-8")
    (folder / "report.svg").write_text(as_svg(lines), encoding="utf-8")
