"""Results of a parent that fill fields of its child, as the child's kind declares in `handed_on`."""

from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worker.kind.cells import body_id
from worker.kind.ids import free_id
from worker.kind.problems import BadCell

if TYPE_CHECKING:
    from worker.kind.declaration import Kind


def find_lacking(row: "Kind") -> tuple[str, ...]:
    """Find the fields that the row's parent has yet to hand on."""
    return tuple(name for name in row.handed_on if row.__dict__[name] is None)


def complete(
    kind: "type[Kind]", payload: Mapping[str, Any], parent_kind: str, remote_id: str | None, answer: object
) -> "Kind | None":
    """Fill in all that the payload lacks, by the parent's kind, remote id and answer; None: the parent does not give it.

    Raises BadCells where the payload is not as it was recorded.
    """
    row, results = kind.from_payload(payload), answer if isinstance(answer, dict) else {}
    values: dict[str, Any] = {}
    for name in find_lacking(row):
        wanted = kind.handed_on[name]
        raw = remote_id if wanted.member is None else results.get(wanted.member)
        with suppress(BadCell):
            # An id that Vitec itself gave goes back as it came, whatever its characters.
            read = free_id if kind.cell_of(name).read is body_id else kind.cell_of(name).read
            values[name] = read(raw if wanted.kind == parent_kind else None)
        if values.get(name) is None:
            return None
    return kind.from_payload({**payload, **values})
