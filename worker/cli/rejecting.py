"""`vitec-sync rejected`: list the rows and files that could not be taken in, and close those that a person has seen to."""

from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from worker import bootstrap
from worker.cli import options, terminal
from worker.cli.deciding import make_decider
from worker.codes.language import Language
from worker.codes.sentences import describe_rejection
from worker.outbox.intake.rejections import close_rejections
from worker.outbox.operators.actions import record_action
from worker.outbox.views import unreported

ALL_LISTED = "all"
"""The word after --close for every row that the filter finds."""


def rejected(
    file: Annotated[str | None, typer.Option(help="Only of files of this name.", show_default=False)] = None,
    feed: Annotated[str | None, typer.Option(help="Only this feed's.", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="Closed ones, too.")] = False,
    close: Annotated[
        list[str] | None,
        typer.Option(help="Close this number, or `all` that --file or --feed finds.", show_default=False),
    ] = None,
    reason: options.Reason = None,
    by: options.By = None,
    limit: Annotated[int, typer.Option(min=1, max=100_000, help="How many at most.")] = 10_000,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List rows that could not be taken in: where each stands, what is wrong, and what helps. Exit status 0 or 3.

    A row is closed, and listed no more, when it comes again from the CRM: the same feed, kind and id. A file that was
    refused as a whole is closed when one of its name is taken in. With --close and --reason you say that one is seen to.
    """
    name = None if file is None else Path(file).name
    rejections = unreported.unreported_rejections(
        bootstrap.database(), feed=feed, file=name, everything=True, closed=everything
    )
    if close:
        _close([row.id for row in rejections if row.closed_at is None], close, reason, by, is_narrow=bool(file or feed))
        return
    rows = [terminal.as_plain_row(row._mapping) for row in islice(rejections, limit)]  # noqa: SLF001 (public there)
    if as_json:
        terminal.print_json(rows)
    elif not rows:
        terminal.print_line("There are no rejected rows.")
    language = bootstrap.settings().language
    for row in () if as_json else rows:
        terminal.print_line(f"{row['file']}, {_describe(row, language)}")
    if any(row["closed_at"] is None for row in rows):
        raise typer.Exit(3)


def _describe(row: dict[str, Any], language: Language) -> str:
    fault = describe_rejection(row, language)
    if row["times_seen"] > 1:
        fault += f" Seen {row['times_seen']} times, first {terminal.format_moment(row['created_at'])}."
    if row["closed_at"] is None:
        return f"{fault} (number {row['id']})"
    return f"{fault} (closed by {row['closed_by']}: {row['closed_reason']})"


def _close(open_ids: list[int], wanted: list[str], reason: str | None, by: str | None, *, is_narrow: bool) -> None:
    """Close the rows that a person names, or all that the filter finds. All names are checked before any is closed."""
    if not (reason or "").strip():
        raise typer.BadParameter("say why; it stays on record", param_hint="--reason")
    if wanted == [ALL_LISTED]:
        if not is_narrow:
            raise typer.BadParameter("`all` goes with --file or --feed", param_hint="--close")
        ids = open_ids
    else:
        for text in wanted:
            if not (text.isascii() and text.isdigit()):
                raise typer.BadParameter(f"{text!r} is no number of a rejected row", param_hint="--close")
        ids = [int(text) for text in wanted]
    if unknown := sorted(set(ids) - set(open_ids)):
        named = ", ".join(map(str, unknown))
        raise terminal.CannotBeDone(
            f"No open rejected row has the number {named}; none was closed: `vitec-sync rejected`."
        )
    if not ids:
        raise terminal.CannotBeDone("No open rejected row is found by that filter: `vitec-sync rejected` lists them.")
    db, decider = bootstrap.database(), make_decider(by, reason)
    with record_action(db, decider, "rejected", {"close": ids[:100]}) as action:
        action.affected = len(close_rejections(db, ids, by=decider.by, reason=decider.reason or ""))
    terminal.print_line(f"{terminal.count_noun(action.affected, 'rejected row')} closed.")
