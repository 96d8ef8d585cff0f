"""The page at the root address: it names the stand-in as one, and shows the ledger's counts."""

from collections.abc import Mapping
from html import escape
from typing import Final

_PAGE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sandbox: a stand-in for Vitec Connect</title>
<style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 42rem; margin: 2rem auto; padding: 0 1rem; color: #1a1a1a;
background: #fff }}
table {{ border-collapse: collapse; margin: 1rem 0 }}
caption {{ text-align: left; font-weight: bold }}
th, td {{ border: 1px solid #767676; padding: .25rem .75rem; text-align: left }}
td {{ text-align: right; font-variant-numeric: tabular-nums }}
</style>
</head>
<body>
<main>
<h1>A stand-in for Vitec Connect</h1>
<p><strong>This is not Vitec.</strong> It is the sandbox of vitec-sync: it answers as Vitec Connect is documented to
answer, remembers what it was sent, and reaches nobody.</p>
{counts}
{faults}
</main>
</body>
</html>
"""


def render_page(counts: Mapping[str, tuple[int, int]], faults: Mapping[str, int]) -> bytes:
    received = {kind: (str(arrived), str(applied)) for kind, (arrived, applied) in counts.items()}
    struck = {fault: (str(times),) for fault, times in faults.items()}
    return _PAGE.format(
        counts=_table("Requests in the ledger", ("Kind", "Received", "Carried out"), received),
        faults=_table("Faults that have struck", ("Fault", "Times"), struck),
    ).encode()


def _table(caption: str, headings: tuple[str, ...], rows: Mapping[str, tuple[str, ...]]) -> str:
    if not rows:
        return f"<p>{escape(caption)}: none yet.</p>"
    head = "".join(f'<th scope="col">{escape(heading)}</th>' for heading in headings)
    body = "".join(_row(name, cells) for name, cells in sorted(rows.items()))
    return f"<table><caption>{escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _row(name: str, cells: tuple[str, ...]) -> str:
    return f'<tr><th scope="row">{escape(name)}</th>{"".join(f"<td>{escape(cell)}</td>" for cell in cells)}</tr>'
