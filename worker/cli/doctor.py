"""`vitec-sync doctor`: the faults below the work itself, and their cure."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from worker.concerns import Concern


def doctor(
    *,
    fix: Annotated[
        bool, typer.Option("--fix", help="Mend what can be mended; says that the clock is right as it is now.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find what is wrong below the work itself: a database's clock that was set.

    Exit status 0: nothing is, or it has been mended; 3: a person is needed.
    """
    from worker import bootstrap, housekeeping
    from worker.cli import terminal
    from worker.concerns import find_clock_concerns
    from worker.outbox.views.overview import read_overview

    db = bootstrap.database()
    findings = list(find_clock_concerns(read_overview(db, finals=False)))
    if fix and findings:
        housekeeping.mend_clock(db, bootstrap.settings())
    if as_json:
        terminal.print_json(
            {"well": fix or not findings, "findings": [_as_data(finding, fixed=fix) for finding in findings]}
        )
    elif not findings:
        terminal.print_line("Nothing is wrong.", "bold green")
    for finding in [] if as_json else findings:
        terminal.print_line(finding.text, "bold yellow")
        terminal.print_line("  Mended: the clock is confirmed." if fix else f"  {finding.remedy}", "dim")
    if findings and not fix:
        raise typer.Exit(3)


def _as_data(finding: "Concern", *, fixed: bool) -> dict[str, Any]:
    return {
        "code": finding.code,
        "severity": finding.severity,
        "what": finding.text,
        "remedy": finding.remedy,
        "since": finding.since,
        "facts": dict(finding.data),
        "fixed": fixed,
    }
