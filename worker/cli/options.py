"""Options and arguments that several commands share, and how they are read."""

from collections.abc import Collection, Sequence
from difflib import get_close_matches
from typing import Annotated

import typer

from models import State
from worker.cli.terminal import CannotBeDone
from worker.codes.registry import OPERATION_CODES
from worker.kinds import KIND_BY_NAME
from worker.outbox import Database
from worker.outbox.views.operations import OperationFilter, find_ids, parse_reference


def complete_kind(incomplete: str) -> list[str]:
    """Give the kinds that a shell may complete the word to."""
    return [name for name in KIND_BY_NAME if name.startswith(incomplete)]


States = Annotated[list[State] | None, typer.Option("--state", help="Only in this state.", show_default=False)]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", help="Only of this kind.", show_default=False, autocompletion=complete_kind),
]
Customers = Annotated[list[str] | None, typer.Option("--customer", help="Only this customer's.", show_default=False)]
Codes = Annotated[list[str] | None, typer.Option("--code", help="Only with this error code.", show_default=False)]
Feed = Annotated[str, typer.Option(help="The feed that KIND:ID is looked for in.")]
Operation = Annotated[str, typer.Argument(help="Its number, or KIND:ID with the CRM's id.", metavar="OPERATION")]
Operations = Annotated[
    list[str] | None, typer.Argument(help="Numbers, or KIND:ID with the CRM's ids.", metavar="OPERATION")
]
By = Annotated[str | None, typer.Option("--by", help="Who decides; your login if left out.", show_default=False)]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it stands in the history.", show_default=False)]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def check_words(words: Sequence[str] | None, vocabulary: Collection[str], noun: str, option: str) -> frozenset[str]:
    """Check words of a filter against those there are: a misspelt one would look like one without operations.

    Raises the usage error (exit status 2) for the first that is not known, with the nearest one.
    """
    for word in words or ():
        if word not in vocabulary:
            near = get_close_matches(word.strip().casefold().replace("-", "_").replace(" ", "_"), vocabulary, n=1)
            meant = f" (did you mean {near[0]}?)" if near else ""
            raise typer.BadParameter(
                f"{word!r} is no {noun}{meant}; there are {', '.join(sorted(vocabulary))}", param_hint=option
            )
    return frozenset(words or ())


def check_kinds(names: Sequence[str] | None) -> frozenset[str]:
    """Check names of kinds."""
    return check_words(names, KIND_BY_NAME, "kind", "--kind")


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
    """Make the filter that the options describe. A word that is no kind or code is a usage error."""
    return OperationFilter(
        states=frozenset(states or ()),
        kinds=check_kinds(kinds),
        customers=frozenset(customers or ()),
        codes=check_words(codes, OPERATION_CODES, "error code", "--code"),
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
