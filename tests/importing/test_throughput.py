"""An import is fast in constant memory, and leaves Python as it was."""

from __future__ import annotations

import gc
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from worker.importing.throughput import GC_THRESHOLD, SWITCH_INTERVAL, SeenKeys, gc_tuning, prefetch

if TYPE_CHECKING:
    from collections.abc import Iterator


def _fail() -> None:
    assert gc.get_threshold()[0] == GC_THRESHOLD
    assert sys.getswitchinterval() == pytest.approx(SWITCH_INTERVAL)
    raise ValueError("broken")


def test_python_is_set_back_also_after_an_error() -> None:
    thresholds, interval = gc.get_threshold(), sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), gc_tuning():
        _fail()
    assert gc.get_threshold() == thresholds
    assert sys.getswitchinterval() == pytest.approx(interval)


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

    with closing(prefetch(items())) as prefetched:
        assert next(prefetched) == 0
        assert second.wait(10)
    assert made == [0, 1]


def test_an_error_comes_in_its_place() -> None:
    def items() -> Iterator[str]:
        yield "good"
        raise ValueError("broken")

    prefetched = prefetch(items())
    assert next(prefetched) == "good"
    with pytest.raises(ValueError, match="broken"):
        next(prefetched)


def test_closing_waits_for_the_item_being_made() -> None:
    begun, leave, ended = threading.Event(), threading.Event(), threading.Event()

    def items() -> Iterator[int]:
        yield 0
        begun.set()
        leave.wait(10)
        ended.set()
        yield 1

    prefetched = prefetch(items())
    assert next(prefetched) == 0
    assert begun.wait(10)
    leave.set()
    prefetched.close()
    assert ended.is_set()


def test_a_repeated_key_is_found_with_its_first_line() -> None:
    with closing(SeenKeys()) as seen_keys:
        assert seen_keys.add([(("a", "1"), 2), (("a", "2"), 3), (("b", "1"), 4), (("a", "1"), 5)]) == {5: 2}
        assert seen_keys.add([(("b", "1"), 6), (("c", "1"), 7)]) == {6: 4}
        assert seen_keys.add([]) == {}
