"""The shape of a cell: its classes of characters, never its words, so that a message may show it.

A shape is a list of parts with commas between them, each from a closed list of words with or without a number: so it can
be shown in another language.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

_WHOLE: Final = (
    (re.compile(r"\d+", re.ASCII), "{} digits"),
    (re.compile(r"\d{1,4}\.\d{1,2}\.\d{1,4}", re.ASCII), "a date with dots"),
    (re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}", re.ASCII), "a date with slashes"),
    (re.compile(r"\d{1,4}-\d{1,2}-\d{1,4}", re.ASCII), "a date with hyphens"),
    (re.compile(r"\d{1,4}\.\d{1,2}\.\d{1,4}[ T]+\d{1,2}[:.]\d\d(?:[:.]\d\d)?", re.ASCII), "a date with dots, a time"),
    (re.compile(r"\d{1,4}/\d{1,2}/\d{1,4}[ T]+\d{1,2}[:.]\d\d(?:[:.]\d\d)?", re.ASCII), "a date with slashes, a time"),
    (re.compile(r"\d{1,4}-\d{1,2}-\d{1,4}[ T]+\d{1,2}[:.]\d\d(?:[:.]\d\d)?", re.ASCII), "a date with hyphens, a time"),
    (re.compile(r"\d{1,2}[:.]\d\d(?:[:.]\d\d)?", re.ASCII), "a time"),
    (re.compile(r"[+-]?\d+(?:[.,]\d+)?[eE][+-]?\d+", re.ASCII), "a number with an exponent"),
    (re.compile(r"[+-]?\d+[.,]\d+", re.ASCII), "a decimal number"),
    (re.compile(r"[+-]\d+", re.ASCII), "a number with a sign"),
    (re.compile(r"#[^\W\d_/]+(?:/[^\W_]+)?[!?]?|#{2,}"), "an error of Excel"),
    (
        re.compile(r"[<(\[]?(?:null|none|nil|nan|nat|n/?a|undefined)[>)\]]?|\\n|[-\u2013\u2014]+", re.IGNORECASE),
        "a word for nothing",
    ),
)
"""The classes of whole cells, by the first that fits."""

_HOLDING: Final = (
    (re.compile(r"\A'"), "an apostrophe first"),
    (re.compile(r"\A[=+@-]"), "the sign of a formula first"),
    (re.compile(","), "a comma"),
    (re.compile(";"), "a semicolon"),
    (re.compile(r"\|"), "a vertical bar"),
    (re.compile("[\r\n]"), "a line break"),
    (re.compile("\t"), "a tab"),
    (re.compile(" "), "a space"),
    (re.compile("[\u00a0\u2007\u202f]"), "a no-break space"),
    (re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"), "an invisible character"),
    (re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"), "a control character"),
    (re.compile("\ufffd"), "a lost character"),
    (re.compile("@"), "an at sign"),
    (re.compile("%"), "a percent sign"),
    (re.compile('"'), "a quote"),
)
"""The signs that a cell may hold, of which a person may learn why it cannot be read."""

_SWEDISH: Final[Mapping[str, str]] = {
    "empty": "tom",
    "blank": "bara blanktecken",
    "a date with dots": "ett datum med punkter",
    "a date with slashes": "ett datum med snedstreck",
    "a date with hyphens": "ett datum med bindestreck",
    "a time": "ett klockslag",
    "a number with an exponent": "ett tal med exponent",
    "a decimal number": "ett decimaltal",
    "a number with a sign": "ett tal med tecken framför",
    "an error of Excel": "ett felvärde från Excel",
    "a word for nothing": "ett ord för ingenting",
    "an apostrophe first": "en apostrof först",
    "the sign of a formula first": "ett formeltecken först",
    "a comma": "ett komma",
    "a semicolon": "ett semikolon",
    "a vertical bar": "ett lodstreck",
    "a line break": "en radbrytning",
    "a tab": "en tabb",
    "a space": "ett mellanslag",
    "a no-break space": "ett hårt mellanslag",
    "an invisible character": "ett osynligt tecken",
    "a control character": "ett styrtecken",
    "a lost character": "ett förlorat tecken",
    "an at sign": "ett snabel-a",
    "a percent sign": "ett procenttecken",
    "a quote": "ett citattecken",
    "true or false": "sant eller falskt",
    "a whole number": "ett heltal",
    "an object": "ett objekt",
    "another value": "ett annat värde",
}
_SWEDISH_COUNTED: Final[Mapping[str, str]] = {
    "digit": "siffra",
    "digits": "siffror",
    "character": "tecken",
    "characters": "tecken",
    "value in a list": "värde i en lista",
    "values in a list": "värden i en lista",
}


def cell_shape(raw: Any) -> str:
    """Give the shape of a raw cell: `empty`, `12 characters, a comma`, `a date with dots`."""
    match raw:
        case None | "":
            return "empty"
        case str():
            return _text_shape(raw)
        case bool():
            return "true or false"
        case int():
            return "a whole number"
        case float():
            return "a decimal number"
        case list() | tuple():
            return f"{len(raw)} value{'s' * (len(raw) != 1)} in a list"
        case Mapping():
            return "an object"
    return "another value"


def _text_shape(text: str) -> str:
    content = text.strip()
    if not content:
        return "blank"
    if len(content) <= 40:
        for pattern, words in _WHOLE:
            if pattern.fullmatch(content):
                return words.format(len(content)) if len(content) > 1 else words.format(1).removesuffix("s")
    holding = [words for pattern, words in _HOLDING if pattern.search(content)]
    length = "1 character" if len(text) == 1 else f"{len(text)} characters"
    return ", ".join((length, *holding))


def swedish_shape(shape: str) -> str:
    """Say a shape in Swedish."""
    return ", ".join(map(_swedish_part, shape.split(", ")))


def _swedish_part(part: str) -> str:
    number, _, noun = part.partition(" ")
    if number.isdigit() and noun in _SWEDISH_COUNTED:
        return f"{number} {_SWEDISH_COUNTED[noun]}"
    return _SWEDISH.get(part, part)
