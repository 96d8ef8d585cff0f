"""Where results go: by the table of their feed, else to RESULTS_DIR, and never to two places."""

from pathlib import Path
from typing import Any

import pytest

from worker.feeding import FeedConfig, FeedsError, find_destinations

OUT = Path("/srv/out")


def make_feed(name: str, **values: Any) -> FeedConfig:
    return FeedConfig.model_validate({"name": name, "folder": "in", **values}, context={"folder": Path("/srv")})


def test_results_dir_alone_takes_all() -> None:
    (destination,) = find_destinations([make_feed("crm")], OUT)
    assert (destination.sink, destination.stem) == ("*", "results")
    assert destination.config.folder == OUT
    assert destination.without == frozenset()


def test_without_any_place_results_wait() -> None:
    assert find_destinations([make_feed("crm")], None) == []


def test_a_feed_with_a_place_is_left_out_elsewhere() -> None:
    feed = make_feed("moten", feed="moten", results={"form": "xlsx"})
    own, everything = find_destinations([feed], OUT)
    assert own.sink == own.stem == own.feed == "moten"
    assert own.config.folder == OUT
    assert everything.without == {"moten"}
    assert own.name_batch(7) == "moten-000007"


def test_tables_of_one_feed_share_their_place() -> None:
    results = {"folder": "ut"}
    (destination,) = find_destinations([make_feed("a", results=results), make_feed("b", results=results)], None)
    assert (destination.sink, destination.stem) == ("crm", "a")


def test_tables_of_one_feed_with_two_places_are_refused() -> None:
    feeds = [make_feed("a", results={"folder": "ut"}), make_feed("b", results={"folder": "annan"})]
    with pytest.raises(FeedsError, match=r"\[feeds\.b\.results\].*\[feeds\.a\.results\]"):
        find_destinations(feeds, OUT)
