"""How a column is named: which spellings of a heading mean the same field."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

_PARENTHESES = re.compile(r"\([^()]*\)")

_ROW_FIELDS: Final = {
    "source_id": ("Id",),
    "customer_id": ("Kund-id", "Kundid"),
    "kind": ("Typ",),
    "expires_at": ("Giltig till",),
    "after": ("Efter",),
    "send_after": ("Tidigast",),
}
ROW_FIELDS: Final = tuple(_ROW_FIELDS)
"""The fields of every row, whatever its kind. Of them only `customer_id` is also asked of the payload."""


def fold(heading: str) -> str:
    """Give the form in which headings are compared: no case, accents kept, no parentheses, no punctuation at the end."""
    plain = unicodedata.normalize("NFC", heading.replace("\ufeff", "").casefold())
    words = _PARENTHESES.sub(" ", plain).split()
    folded = " ".join(words)
    while folded and (folded[-1].isspace() or unicodedata.category(folded[-1]).startswith("P")):
        folded = folded[:-1]
    return folded


def camel(name: str) -> str:
    """Turn `starts_at` into `startsAt`."""
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def spellings(field: str, also: Iterable[str]) -> frozenset[str]:
    """Give all folded headings of a field: its snake_case and camelCase names and the others given."""
    return frozenset(fold(heading) for heading in (field, camel(field), *also))


def index(fields: Mapping[str, Iterable[str]]) -> Mapping[str, str]:
    """Turn fields with their further headings into folded heading → field. Raises ValueError where one means two."""
    found: dict[str, str] = {}
    for field, also in fields.items():
        for heading in spellings(field, also):
            if found.setdefault(heading, field) != field:
                raise ValueError(f"the heading {heading!r} means both {found[heading]} and {field}")
    return MappingProxyType(found)


_ROW_HEADINGS: Final = index(_ROW_FIELDS)


def row_headings() -> Mapping[str, str]:
    """Give every folded heading of the fields that each row has, to the field's name."""
    return _ROW_HEADINGS
