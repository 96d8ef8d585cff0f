"""What comes next is made in a thread of its own, while the caller deals with what came last."""

from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")


class _End:
    """Nothing comes any more."""


_END: Final = _End()


def prefetch(items: Iterator[T]) -> Generator[T]:
    """Give all items in their order, each made while the caller deals with the one before: never more than one ahead.

    What `items` raises comes in its place. Closing waits for the item that is being made, so that nobody reads on from
    what the caller is about to close.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        coming = thread.submit(next, items, _END)
        while not isinstance(item := coming.result(), _End):
            coming = thread.submit(next, items, _END)
            yield item
