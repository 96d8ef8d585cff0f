"""Python is set back to what it was, whatever happens meanwhile."""

from __future__ import annotations

import gc
import sys

import pytest

from worker.importing.gc_tuning import OBJECTS, TURN, gc_tuning


def _fail() -> None:
    assert gc.get_threshold()[0] == OBJECTS
    assert sys.getswitchinterval() == pytest.approx(TURN)
    raise ValueError("broken")


def test_it_is_set_back_also_after_an_error() -> None:
    before = gc.get_threshold(), sys.getswitchinterval()
    with pytest.raises(ValueError, match="broken"), gc_tuning():
        _fail()
    assert gc.get_threshold() == before[0]
    assert sys.getswitchinterval() == pytest.approx(before[1])
