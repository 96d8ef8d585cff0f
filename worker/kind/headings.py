"""The headings of columns: which spellings mean the same field."""

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
