"""Reading ahead changes when an item is made, and neither the order nor what goes wrong."""

from __future__ import annotations

import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from worker.importing.prefetch import prefetch

if TYPE_CHECKING:
    from collections.abc import Iterator


def test_items_come_in_their_order_and_all_of_them() -> None:
    assert list(prefetch(iter(range(100)))) == list(range(100))
    assert list(prefetch(iter(()))) == []


def test_exactly_one_item_is_made_in_advance() -> None:
    made: list[int] = []
    second = threading.Event()

    def items() -> Iterator[int]:
        for number in range(5):
            made.append(number)
            if number == 1:
                second.set()
            yield number

    with closing(prefetch(items())) as coming:
        assert next(coming) == 0
        assert second.wait(10)
    assert made == [0, 1]


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[str]:
        yield "good"
        raise ValueError("broken")

    coming = prefetch(items())
    assert next(coming) == "good"
    with pytest.raises(ValueError, match="broken"):
        next(coming)


def test_closing_waits_for_the_item_being_made() -> None:
    begun, leave, ended = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        begun.set()
        leave.wait(10)
        ended.set()
        yield 1

    coming = prefetch(items())
    assert next(coming) == 0
    assert begun.wait(10)
    leave.set()
    coming.close()
    assert ended.is_set()
