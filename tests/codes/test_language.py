"""The language is chosen by a word, or by a system's own list of locales."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from worker.codes.language import Language
from worker.settings import Settings


@pytest.mark.parametrize(
    ("value", "language"),
    [
        ("sv", "sv"),
        ("EN", "en"),
        ("sv_SE:en", "sv"),
        ("en_GB.UTF-8:sv", "en"),
        ("fi:sv", "sv"),
        ("de_DE:de", "en"),
        ("C", "en"),
        ("", "en"),
    ],
)
def test_the_first_language_that_is_there_counts(value: str, language: str) -> None:
    assert Settings(language=value or Language.ENGLISH).language == language


@pytest.mark.parametrize("value", ["svenska", "Swedish", "12345"])
def test_a_word_that_is_no_language_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        Settings(language=value)
