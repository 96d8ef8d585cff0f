"""Readers of a CRM's exports: each yields numbered rows of raw cells. A new binary form takes its place in the table of `opening`."""

from worker.feeds.content import printable_name
from worker.feeds.opening import open_feed
from worker.feeds.source import BadRow, FileRefused, OpenExport, Row

__all__ = ["BadRow", "FileRefused", "OpenExport", "Row", "open_feed", "printable_name"]
