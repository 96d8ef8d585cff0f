"""The page of our limits is true: its tables are those of the kinds' declarations."""

import pytest

from tests.kinds.fidelity import BLOCK, PAGE, limit_of, tables


def test_the_tables_of_the_page_are_the_declarations() -> None:
    block = BLOCK.search(PAGE.read_text("utf-8"))
    assert block is not None
    assert block[0] == tables(), "run python -m tests.kinds.fidelity, and look at the sections above the tables"


def test_a_reader_without_words_is_noticed() -> None:
    with pytest.raises(LookupError):
        limit_of(lambda raw: raw)
