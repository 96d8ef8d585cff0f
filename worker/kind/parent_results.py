"""Results of a parent that fill fields of its child, as the child's kind declares in `handed_on`."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker.kind.cells import body_id
from worker.kind.contract import ParentResult
from worker.kind.ids import free_id
from worker.kind.problems import BadCell

if TYPE_CHECKING:
    from worker.kind.declaration import Kind


def find_lacking(row: "Kind") -> tuple[str, ...]:
    """Find the fields that the row's parent has yet to hand on."""
    return tuple(name for name in row.handed_on if row.__dict__[name] is None)


def find_asked(row: "Kind", fields: Collection[str], parent_kind: str) -> tuple[str, ...]:
    """Find the fields, of those that a row asks to be handed on, that it leaves empty and its parent's kind can fill."""
    return tuple(name for name in fields if row.__dict__.get(name) is None and parent_kind in row.parents_for(name))


def _wanted_results(row: "Kind", parent_kind: str) -> Iterator[tuple[str, ParentResult]]:
    """Yield the empty fields with the results that fill them: those always handed on, and those that a row asks for."""
    for name in find_lacking(row):
        yield name, row.handed_on[name]
    for name, results in row.handed_on_if_asked.items():
        if row.__dict__[name] is None:
            yield from ((name, result) for result in results if result.kind == parent_kind)


def complete(
    kind: "type[Kind]", payload: Mapping[str, Any], parent_kind: str, remote_id: str | None, answer: object
) -> "Kind | None":
    """Fill in all that the payload lacks, by the parent's kind, remote id and answer; None: the parent does not give it.

    Raises BadCells where the payload is not as it was recorded.
    """
    row, results = kind.from_payload(payload), answer if isinstance(answer, dict) else {}
    values: dict[str, Any] = {}
    for name, wanted in _wanted_results(row, parent_kind):
        raw = remote_id if wanted.member is None else results.get(wanted.member)
        with suppress(BadCell):
            # An id that Vitec itself gave goes back as it came, whatever its characters.
            read = free_id if kind.cell_of(name).read is body_id else kind.cell_of(name).read
            values[name] = read(raw if wanted.kind == parent_kind else None)
        if values.get(name) is None:
            return None
    return kind.from_payload({**payload, **values})
