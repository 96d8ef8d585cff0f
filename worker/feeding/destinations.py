"""The destinations of results, as `feeds.toml` and RESULTS_DIR name them: one for each feed, and one for all others."""

import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from models import EVERY_FEED
from worker.codes.language import Language
from worker.feeding.config import DROP, FeedConfig
from worker.feeding.loading import FeedsError
from worker.mapping import MappingRefused, read_mapping
from worker.results.config import ResultsConfig
from worker.results.sinks import Destination

EVERY_STEM = "results"
"""The beginning of the names of files with the results of every feed."""


def find_destinations(
    feeds: Iterable[FeedConfig],
    results_dir: Path | None,
    variable: Callable[[str], str | None] = os.environ.get,
    language: Language = Language.ENGLISH,
) -> list[Destination]:
    """Find where results go. RESULTS_DIR takes those of every feed that names no place of its own.

    `variable` gives a variable of the environment, such as a secret.
    Raises `FeedsError` where two tables name different places for the rows of one feed: each result is told once.
    """
    by_feed: dict[str, tuple[str, ResultsConfig]] = {}
    destinations = []
    for table in feeds:
        if table.results is None:
            continue
        config = table.results
        if table.name == DROP and config == ResultsConfig(folder=results_dir):
            # The feed of FEED_DIR alone: its results are those of every feed.
            continue
        if config.sink == "files" and config.folder is None:
            config = config.model_copy(update={"folder": results_dir})
        earlier, taken = by_feed.setdefault(table.feed, (table.name, config))
        if earlier != table.name:
            if taken != config:
                raise FeedsError(
                    f"[feeds.{table.name}.results]: the results of feed {table.feed} go to the place that"
                    f" [feeds.{earlier}.results] names: say it there only, or give this table a `feed` of its own."
                )
            continue
        with suppress(MappingRefused):
            # Under a mapping that is wrong the results wait: a finding of the feed says so.
            names = read_mapping(table.mapping).results if table.mapping else None
            stem = config.name or table.name
            destinations.append(Destination(table.feed, stem, config, feed=table.feed, names=names, variable=variable))
    if results_dir is not None:
        config = ResultsConfig(folder=results_dir)
        destinations.append(Destination(EVERY_FEED, EVERY_STEM, config, without=frozenset(by_feed)))
    return [replace(destination, language=language) for destination in destinations]
