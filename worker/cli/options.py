"""Options and arguments that several commands share, and how they are read."""

from collections.abc import Sequence
from typing import Annotated

import typer

from models import State
from worker.cli.terminal import CannotBeDone
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.views.operations import OperationFilter, find_ids, parse_reference

States = Annotated[list[State] | None, typer.Option("--state", help="Only in this state.", show_default=False)]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="Only of this kind.", show_default=False)]
Customers = Annotated[list[str] | None, typer.Option("--customer", help="Only this customer's.", show_default=False)]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only with this error code.", show_default=False)]
Feed = Annotated[str, typer.Option(help="The feed that KIND:ID is looked for in.")]
Operation = Annotated[str, typer.Argument(help="Its number, or KIND:ID with the CRM's id.", metavar="OPERATION")]
Operations = Annotated[
    list[str] | None, typer.Argument(help="Numbers, or KIND:ID with the CRM's ids.", metavar="[OPERATION]...")
]
By = Annotated[str | None, typer.Option("--by", help="Who decides; your login if left out.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it stands in the history.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def check_kinds(names: Sequence[str] | None) -> frozenset[str]:
    """Check names of kinds: a misspelt name would otherwise look like a kind without operations."""
    for name in names or ():
        if name not in KIND_BY_NAME:
            raise typer.BadParameter(f"{name!r} is no kind; there are {', '.join(KIND_BY_NAME)}", param_hint="--kind")
    return frozenset(names or ())


def make_filter(
    states: Sequence[State] | None,
    kinds: Sequence[str] | None,
    customers: Sequence[str] | None,
    codes: Sequence[str] | None,
    feed: str | None = None,
    *,
    needs_person: bool = False,
    parent_missing: bool = False,
) -> OperationFilter:
    """Make the filter that the options describe."""
    return OperationFilter(
        states=frozenset(states or ()),
        kinds=check_kinds(kinds),
        customers=frozenset(customers or ()),
        codes=frozenset(codes or ()),
        feed=feed,
        needs_person=needs_person,
        parent_missing=parent_missing,
    )


def find_operation_ids(db: Database, texts: Sequence[str], feed: str) -> list[int]:
    """Find the ids of the operations that a person named. Raises `CannotBeDone` for the first that is not there."""
    references = []
    for text in texts:
        reference = parse_reference(text)
        if reference is None:
            raise typer.BadParameter(f"{text!r} is neither a number nor KIND:ID", param_hint="OPERATION")
        references.append(reference)
    operation_ids = find_ids(db, references, feed)
    for text, id_ in zip(texts, operation_ids, strict=True):
        if id_ is None:
            where = "" if text.isdigit() else f" in feed {feed}"
            raise CannotBeDone(f"There is no operation {text}{where}: `vitec-sync list` shows those there are.")
    return [id_ for id_ in operation_ids if id_ is not None]
