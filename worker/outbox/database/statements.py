"""Statements are composed once and run many times: to compose one costs several times what it costs to run it.

Composed anew for each use, the statements of an exchange took half of all the CPU time of a turn.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

P = ParamSpec("P")
S = TypeVar("S")


def cached_statement(compose: Callable[P, S]) -> Callable[P, S]:
    """Keep what `compose` makes for its arguments: the clock's expression, a dialect's name, never a value of a row.

    Values go in as bound parameters when the statement is run. A test's clock makes a new expression each time, so what
    is kept must be bounded.
    """
    return cast("Callable[P, S]", lru_cache(maxsize=64)(compose))
