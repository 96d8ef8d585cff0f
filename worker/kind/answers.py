"""The reading of a complete 2xx answer: data of one known shape, or accepted in doubt. Nothing in here raises."""

import json
from typing import Any, Final, NoReturn

from worker.kind.cells import LONGEST_ID, is_plain
from worker.kind.contract import Answer, LookUpResult, Presence
from worker.outcome import Health, InDoubt, Outcome, Succeeded


class _MalformedJson:
    """Not JSON, or JSON that no answer of Vitec's can be. Equal to no value of JSON."""


MALFORMED: Final = _MalformedJson()


def value_of(answer: Answer) -> Any:
    """Give the JSON value of the body; MALFORMED where it is none, is nested too deep, or holds NaN, endless digits or a name twice."""
    try:
        # As `json.loads` reads bytes.
        return _DECODER.decode(answer.body.decode(json.detect_encoding(answer.body), "surrogatepass"))
    except (ValueError, RecursionError):
        return MALFORMED


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _refuse_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its members; of a name that comes twice it is not known which member counts."""
    members_by_name = dict(pairs)
    if len(members_by_name) < len(pairs):
        raise ValueError("a name comes twice")
    return members_by_name


# Kept: `json.loads` makes one for each answer, which takes longer than to read it.
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_twice)


def is_id(value: Any) -> bool:
    """Whether a value can be kept as a remote id: a text that is not blank, not too long, without control characters."""
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_ID and is_plain(value)


def members(value: Any) -> dict[str, Any] | None:
    """Give an object's members by their names in lower case. None: it is no object, or two names differ in nothing else."""
    if not isinstance(value, dict):
        return None
    by_name = {name.casefold(): member for name, member in value.items()}
    return by_name if len(by_name) == len(value) else None


def accepted_in_doubt(why: str) -> InDoubt:
    """Vitec accepted the call, and its answer is cut off or not what the kind's is. `why`: a plain clause without data.

    It counts towards the breaker: an API that answers so again and again makes nothing but doubts.
    """
    return InDoubt("unreadable_answer", why, accepted=True, health=Health.ILL, cause=why)


def read_id(answer: Answer) -> Outcome:
    """Judge an answer that should be a JSON string with the id of what was made."""
    value = value_of(answer)
    return Succeeded(value) if is_id(value) else accepted_in_doubt("the answer is not a JSON string with an id")


def unclear(why: str) -> LookUpResult:
    """The look-up proves nothing."""
    return LookUpResult(Presence.UNCLEAR, why)
