"""The languages of the sentences about codes."""

from enum import StrEnum
from typing import Any


class Language(StrEnum):
    """A language of the sentences about codes."""

    ENGLISH = "en"
    SWEDISH = "sv"


def read_language(value: Any) -> Any:
    """Read a language; of a list of locales (`sv_SE:en`), as systems keep in LANGUAGE too, the first that is there.

    A list with none of the two is the system's own, and means English.
    """
    if not isinstance(value, str):
        return value
    locales = [locale.strip().casefold() for locale in value.split(":")]
    names = [locale.replace("-", "_").partition("_")[0].partition(".")[0] for locale in locales]
    for name in names:
        if name in set(Language):
            return name
    if value.isascii() and all(len(name) in (2, 3) or name in ("c", "posix") for name in names):
        return Language.ENGLISH.value
    return value
