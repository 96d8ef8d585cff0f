"""The headings of columns: which spellings mean the same field.

A heading means its field for certain, or it is a *bare name*: a nested member's own name (`userId` for `participant.userId`),
or Vitec's `id` where the CRM's own id of the row stands under another heading. Of bare names a kind may know several fields.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from worker.kind.damage import UNSEEN

_PARENTHESES = re.compile(r"\([^()]*\)")
_IN_BRACKETS = re.compile(r"^\s*(?:\[(?=.*\]\s*$)|`(?=.*`\s*$)|\"(?=.*\"\s*$))(.*).\s*$")
_XML_PREFIX = re.compile(r"\bd\d+p\d+:")
"""The prefix of a namespace as Vitec's XML samples have it: `d2p1:EnableBookingLimitValidation`."""

_BETWEEN_NAMES: Final = (".", "/", " ", "_", "-", ":", "")
"""The signs that join an object's name and a member's: `participant.userId`, `Participant/UserId`, `participantUserId`."""

_ROW_FIELDS: Final = {
    "source_id": ("Id",),
    "customer_id": ("Kund-id", "Kundid"),
    "kind": ("Typ",),
    "expires_at": ("Giltig till",),
    "after": ("Efter",),
    "send_after": ("Tidigast",),
    "withdrawn": ("Återtagen",),
    "handed_on": (),
}
ROW_FIELDS: Final = tuple(_ROW_FIELDS)
"""The fields of every row, whatever its kind. Of them only `customer_id` is also asked of the payload."""


def fold(heading: str) -> str:
    """Give the form in which headings are compared: no case, accents kept, no parentheses, no end punctuation.

    Characters without a width do not count, nor do the brackets and quotes that databases put around a name.
    """
    plain = unicodedata.normalize("NFC", _IN_BRACKETS.sub(r"\1", UNSEEN.sub("", heading)).casefold())
    words = _PARENTHESES.sub(" ", _XML_PREFIX.sub("", plain)).split()
    folded = " ".join(words)
    while folded and (folded[-1].isspace() or unicodedata.category(folded[-1]).startswith("P")):
        folded = folded[:-1]
    return folded


def camel(name: str) -> str:
    """Turn `starts_at` into `startsAt`."""
    first, *words = name.split("_")
    return first + "".join(word.capitalize() for word in words)


def spellings(field: str, also: Iterable[str]) -> frozenset[str]:
    """Give all folded headings of a field: its snake_case and camelCase names and the others given."""
    return frozenset(fold(heading) for heading in (field, camel(field), *also))


def index_headings(fields: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """Turn fields with their further headings into folded heading → field. Raises ValueError where one means two."""
    field_of: dict[str, str] = {}
    for field, also in fields.items():
        for heading in spellings(field, also):
            if field_of.setdefault(heading, field) != field:
                raise ValueError(f"the heading {heading!r} means both {field_of[heading]} and {field}")
    return MappingProxyType(field_of)


ROW_HEADINGS: Final = index_headings(_ROW_FIELDS)
"""Every folded heading of the fields that each row has → the field's name."""

ROW_HEADINGS_WRITTEN: Final[Mapping[str, str]] = MappingProxyType(
    {fold(heading): heading for field, also in _ROW_FIELDS.items() for heading in (field, camel(field), *also)}
)
"""Every one of them → how it is written."""


@dataclass(frozen=True, slots=True)
class Naming:
    """The headings of a kind's payload, folded. Those of the fields that each row has stand in `ROW_HEADINGS`."""

    fields: Mapping[str, str]
    """Heading → field, or the nested object that it names."""
    bare: Mapping[str, tuple[str, ...]]
    """Bare name → the fields that it may mean."""
    members: Mapping[str, Mapping[str, str]]
    """Nested object → its members' names → their fields."""
    objects: Mapping[str, str]
    """Field → the nested object that has the same heading: it is meant where an object of JSON stands in the cell."""
    written: Mapping[str, str]
    """Heading → how the documents write it."""
    documented: Mapping[str, tuple[str, ...]]
    """Field → the headings to advise: its name at Vitec, if that is one for certain, and the Swedish ones."""


def name_fields(names: Mapping[str, tuple[str, ...]], objects: Mapping[str, tuple[str, ...]]) -> Naming:
    """Work out a kind's headings, from the names of its fields (Vitec's first) and those of its nested objects.

    Raises ValueError where a heading means two fields, or belongs to every row.
    """
    documented = {
        field: (camel(field) if fold(given[0]) in ROW_HEADINGS else given[0], *given[1:])
        for field, given in names.items()
    }
    certain, bare = {field: list(given) for field, given in documented.items()}, dict[str, tuple[str, ...]]()
    members, written = dict[str, dict[str, str]](), dict[str, str]()
    for field, (vitec_name, *swedish) in names.items():
        parent, own_names = _own_names(field, vitec_name)
        if parent:
            members.setdefault(parent, {}).update(dict.fromkeys(spellings(field, own_names), field))
            certain[field] += _join((parent, *objects.get(parent, ())), own_names)
        for name in {fold(own_name) for own_name in own_names}:
            bare[name] = (*bare.get(name, ()), field)
        for heading in (vitec_name, *swedish, *own_names[:1], camel(field), field):
            written.setdefault(fold(heading), heading)
        written = {fold(heading): documented[field][0] for heading in certain[field]} | written
    field_of = {fold(heading): field for field, headings in certain.items() for heading in headings}
    objects_of = {name: objects.get(name, ()) for name in members}
    shared = {field_of[key]: name for name in members for key in map(fold, objects_of[name]) if key in field_of}
    free = {name: [heading for heading in objects_of[name] if fold(heading) not in field_of] for name in members}
    fields = index_headings({**certain, **free})
    if of_rows := fields.keys() & ROW_HEADINGS.keys():
        raise ValueError(f"these headings belong to every row: {', '.join(sorted(of_rows))}")
    written |= {fold(heading): heading for name, headings in free.items() for heading in (name, *headings)}
    bare = {name: of for name, of in bare.items() if name not in fields}
    return Naming(fields, bare, members, shared, written, documented)


def _own_names(field: str, vitec_name: str) -> tuple[str, list[str]]:
    """Give the object that a field is nested in, and the names that it bears there; of other fields a name like `Id`."""
    parent, _, key = vitec_name.rpartition(".")
    if parent:
        return parent, [key, field.removeprefix(f"{parent}_")]
    return "", [key] if fold(key) in ROW_HEADINGS else []


def _join(parents: Iterable[str], members: Iterable[str]) -> Iterator[str]:
    """Yield every spelling of a member's name behind its object's."""
    names = list(members)
    for parent in parents:
        yield from (f"{parent}{sign}{name}" for sign in _BETWEEN_NAMES for name in names)
