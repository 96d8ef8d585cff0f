"""The feeds: the sources that `feeds.toml` names are read by beat's wish, and all that they give is taken in once."""

from worker.feeding.config import FeedConfig
from worker.feeding.destinations import find_destinations
from worker.feeding.loading import Feeds, FeedsError, load_feeds
from worker.feeding.running import WAITS, FeedRunner

__all__ = ["WAITS", "FeedConfig", "FeedRunner", "Feeds", "FeedsError", "find_destinations", "load_feeds"]
