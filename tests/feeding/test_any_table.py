"""Whatever stands in feeds.toml, it is read, or refused in one line."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from worker.feeding import FeedsError, load_feeds
from worker.feeding.config import FeedConfig
from worker.feeding.loading import MOST_FEEDS, _describe, _read_feeds
from worker.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

WORDS = st.sampled_from(["a", "", "*", "~nobody/x", "06:30", "comeback", "https://a.example/x", "SELECT :cursor", "\0"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.datetimes() | st.times() | WORDS,
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=3), values, max_size=3),
    max_leaves=5,
)
TABLES = st.dictionaries(st.sampled_from([*FeedConfig.model_fields, "other"]), VALUES, max_size=6)


@given(TABLES)
def test_any_table_is_a_feed_or_has_faults(table: dict[str, Any]) -> None:
    outcomes: list[str] = []
    try:
        outcomes.append(FeedConfig.model_validate({**table, "name": "a"}).source_hash())
    except ValidationError as error:
        outcomes += [_describe(fault) for fault in error.errors(include_url=False)]
    assert all(outcomes)
    assert outcomes


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: f"[feeds.a]\n{text}".encode()))
def test_any_bytes_are_read_or_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "feeds.toml"
    path.write_bytes(content)
    with suppress(FeedsError):
        assert len(_read_feeds(path)) <= MOST_FEEDS


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 5_000, '[feeds.a]\nname = "b"\nfolder = "x"', '[feeds.a]\nfolder = "x"\nat = 5']
)
def test_an_odd_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "feeds.toml").write_text(text, encoding="utf-8")
    with pytest.raises(FeedsError):
        load_feeds(Settings(feeds_file=tmp_path / "feeds.toml"))
