"""Vitec's words are found in whatever shape they come, and are safe to keep."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.vitec.error_text import error_text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b'{"message": "Ogiltig tid"}', "Ogiltig tid"),
        (b'{"MESSAGE": "Ogiltig tid"}', "Ogiltig tid"),
        (b'{"ValidationErrors": ["A", "B"], "message": "C"}', "A; B"),
        (b'{"message": "C", "modelState": {"from": ["X", "Y"], "to": ["Z"]}}', "from: X, Y; to: Z"),
        (b'{"validationErrors": [], "modelState": {}, "message": "C"}', "C"),
        (b'{"validationErrors": [{"field": "from", "error": "sen"}]}', "field: from; error: sen"),
        (b'{"message": null, "exceptionMessage": "E", "messageDetail": "D"}', "E"),
        (b'{"messageDetail": "D"}', "D"),
        (b'{"message": 17}', "17"),
        (b'"bara text"', "bara text"),
        (b'{"other": "x"}', '{"other": "x"}'),
        (b"[1, 2]", "[1, 2]"),
        (b"<html>\r\n  <b>Bad</b>\tgateway</html>", "<html> <b>Bad</b> gateway</html>"),
        ("för sent".encode("cp1252"), "för sent"),
        (b"\xef\xbb\xbf" + '{"message": "för sent"}'.encode(), "för sent"),
        (b"", None),
        (b" \r\n\x00", None),
        (b'{"message": "a\\u0000b\\u001b[2Jc\\u202ed\\u200be\\ud800f\\nz"}', "a b [2Jc d e f z"),
        (b'{"message": "' + b"x" * 2000 + b'"}', "x" * 500),
        (b"x" * 2000, "x" * 500),
        (b'{"message": NaN}', "nan"),
        (b'{"message": ' + b"9" * 5000 + b"}", '{"message": ' + "9" * 488),
        (b"[" * 100_000, "[" * 500),
        (b'{"message":' + b"[" * 500 + b"]" * 500 + b"}", ('{"message":' + "[" * 500)[:500]),
    ],
)
def test_the_words_of(body: bytes, expected: str | None) -> None:
    assert error_text(body) == expected


def test_deep_nesting_that_parses_is_survived() -> None:
    body = ('{"modelState":' + '{"a":' * 300 + '"b"' + "}" * 301).encode()
    assert len(error_text(body) or "") <= 500


@given(st.binary(max_size=200) | st.builds(lambda text: json.dumps({"message": text}).encode(), st.text()))
def test_any_body_gives_one_storable_line(body: bytes) -> None:
    text = error_text(body)
    if text is not None:
        assert 0 < len(text) <= 500
        assert text.isprintable() or "\u00a0" in text or " " in text
        assert not any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in text)
        text.encode()
