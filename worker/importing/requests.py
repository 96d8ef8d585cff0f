"""The request that a row would make, for a person who tries an import."""

import json
from dataclasses import dataclass
from typing import Any

from worker.kind import find_asked, find_lacking
from worker.kinds import KIND_BY_NAME
from worker.outbox.database.staging import NewOperation


@dataclass(frozen=True, slots=True)
class RequestPreview:
    """A request as it would be sent. `body`: the JSON of its body; None: it has none.

    A field that the row before fills holds a text in angle brackets that says so.
    """

    kind: str
    source_id: str
    line: int | None
    method: str
    path: str
    body: Any


def preview_request(operation: NewOperation) -> RequestPreview:
    """Give the request of a row that was read and not recorded."""
    kind = KIND_BY_NAME[operation.kind]
    payload = kind.from_payload(json.loads(operation.payload))
    if operation.lacks_result:
        asked_fields = find_asked(payload, tuple(kind.handed_on_if_asked), operation.after_kind or "")
        given = f"<the id of {operation.after_kind}:{operation.after_source_id}>"
        payload = payload.model_copy(update=dict.fromkeys((*find_lacking(payload), *asked_fields), given))
    call = payload.call("0.0")
    body = None if call.body is None else json.loads(call.body)
    return RequestPreview(operation.kind, operation.source_id, operation.line, call.method, call.path, body)
