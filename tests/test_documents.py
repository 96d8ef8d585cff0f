"""The pages about words and states say what the code says."""

from __future__ import annotations

import re

import pytest

from models import FINAL, MOVES, Event, Reason, State
from run import ROOT
from worker.kinds import KINDS
from worker.outbox.operators.decisions import Verb

STATES = (ROOT / "docs" / "state_machine.md").read_text(encoding="utf-8")
WORDS = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")

ARROW = re.compile(r"^ +(\[\*\]|\w+) --> (\w+): (.+)$", re.MULTILINE)


def drawn(page: str) -> dict[tuple[str, str], str]:
    """Read the arrows of a page's diagram, and what each of them says."""
    arrows = ARROW.findall(page)
    assert len({arrow[:2] for arrow in arrows}) == len(arrows), "an arrow is drawn twice"
    return {(source, target): when for source, target, when in arrows}


def moves() -> dict[tuple[str, str], str]:
    """Give the moves of the state machine as arrows."""
    return {(move.source.value if move.source else "[*]", move.target.value): move.when for move in MOVES}


def test_the_diagram_is_the_table_of_moves() -> None:
    assert drawn(STATES) == moves()


def test_the_short_diagram_draws_only_moves_that_there_are() -> None:
    arrows = drawn(README)
    assert arrows
    assert arrows.keys() <= moves().keys()


@pytest.mark.parametrize("state", list(State))
def test_every_state_has_its_paragraph_with_how_in_and_how_out(state: State) -> None:
    paragraph = STATES.partition(f"\n### {state.value}\n")[2].partition("\n#")[0]
    assert "*In*:" in paragraph
    assert "*Out*:" in paragraph


def test_the_final_states_stand_under_one_heading() -> None:
    ended = STATES.partition("\n## Ended\n")[2]
    assert set(re.findall(r"^### (\w+)$", ended, re.MULTILINE)) == {state.value for state in FINAL}


@pytest.mark.parametrize(
    "word",
    [
        *(event.value for event in Event),
        *(reason.value for reason in Reason),
        *(verb.value for verb in Verb),
        *(kind.kind for kind in KINDS),
        *sorted({kind.function_group for kind in KINDS}),
    ],
)
def test_every_word_of_the_code_is_explained(word: str) -> None:
    assert f"`{word}`" in WORDS


def test_no_word_is_explained_twice() -> None:
    explained = re.findall(r"^\| ([^|]+) \| [^|]+ \|$", WORDS, re.MULTILINE)
    words = [word for word in explained if word not in {"word", "event", "---"}]
    assert len(words) == len(set(words)) > 50
