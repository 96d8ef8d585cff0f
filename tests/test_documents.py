"""The pages about words and states say what the code says, and every file, module and name they mention is there."""

from __future__ import annotations

import ast
import importlib.util
import re
from typing import TYPE_CHECKING

import pytest

from models import FINAL, MOVES, Base, Event, HoldReason, State
from run import COMMANDS, ROOT
from worker.kinds import KINDS
from worker.outbox.operators.decisions import Verb

if TYPE_CHECKING:
    from pathlib import Path

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
def test_every_state_has_a_paragraph_with_its_moves(state: State) -> None:
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
        *(reason.value for reason in HoldReason),
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


PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(ROOT.glob("docs/*.md")),
    ROOT / "examples/export/README.md",
]
CODE = sorted(
    path for folder in ("worker", "models", "migrations", "tests", "bench") for path in ROOT.glob(f"{folder}/**/*.py")
)
# The page about a new kind makes one up, with fields of Vitec's.
MADE_UP = ("estate_note", "author.")


def names_in(path: Path) -> set[str]:
    """Collect every name that a file defines or binds, at any depth."""
    tree = ast.parse(path.read_text("utf-8"))
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    bound = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    imported = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return defined | bound | imported


def quoted(page: Path) -> list[str]:
    """List the texts between single backticks, outside the blocks of code."""
    prose = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [text for text in re.findall(r"`([^`\n]+)`", prose) if not any(word in text for word in MADE_UP)]


def is_there(dotted: str) -> bool:
    """Whether `module.name` is a name of one of our modules, a column of one of our tables, or a module of Python's."""
    home, _, name = dotted.removesuffix("()").rpartition(".")
    table = Base.metadata.tables.get(home)
    if table is not None and name in table.columns:
        return True
    place = home.replace(".", "/")
    modules = [path for path in CODE if f"/{path.with_suffix('')}".endswith((f"/{place}", f"/{place}/__init__"))]
    if any(name in names_in(path) for path in modules):
        return True
    classes = [path for path in CODE if home in names_in(path) and name in names_in(path)]
    return bool(classes) or is_module(dotted)


def is_module(dotted: str) -> bool:
    """Whether Python finds a module or package by this name."""
    try:
        return importlib.util.find_spec(dotted) is not None
    except ModuleNotFoundError:
        return False


@pytest.fixture(params=PAGES, ids=lambda page: page.name)
def page(request: pytest.FixtureRequest) -> Path:
    """Each page that people read."""
    path: Path = request.param
    return path


def test_every_path_that_a_page_mentions_is_there(page: Path) -> None:
    folders = "worker|models|migrations|tests|bench|deploy|docs|examples"
    paths = re.findall(rf"(?<![\w/.-])((?:{folders})/[\w./-]*\w)", page.read_text("utf-8"))
    paths = [path for path in paths if not any(word in path for word in MADE_UP)]
    assert [path for path in paths if not (ROOT / path).exists()] == []


def test_every_quoted_module_is_there(page: Path) -> None:
    modules = [text for text in quoted(page) if re.fullmatch(r"\w+(?:/\w+)+\.py", text)]
    assert [module for module in modules if not any(f"/{path}".endswith(f"/{module}") for path in CODE)] == []


def test_every_file_name_that_a_page_mentions_is_there(page: Path) -> None:
    written = [path for pattern in ("*", "docs/*", "examples/*/*", "tests/golden/*/*") for path in ROOT.glob(pattern)]
    names = {path.name for path in [*CODE, *written]}
    files = [text for text in quoted(page) if re.fullmatch(r"\w+\.(?:py|md|toml|yml|json|csv|tsv|jsonl)", text)]
    assert [name for name in files if name not in names] == []


def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


def test_every_dotted_name_that_a_page_mentions_is_there(page: Path) -> None:
    dotted = [text for text in quoted(page) if re.fullmatch(r"[A-Za-z_]+(\.[A-Za-z_]+)+(\(\))?", text)]
    dotted = [
        text for text in dotted if not re.search(r"\.(?:py|md|toml|yml|json|csv|tsv|jsonl|txt|acl|sh|lock)$", text)
    ]
    assert [text for text in dotted if not is_there(text)] == []


def test_every_name_is_in_the_file_that_a_page_says(page: Path) -> None:
    pairs = re.findall(r"`(\w+)` in `([\w/]+\.py)`", page.read_text("utf-8"))
    assert [pair for pair in pairs if pair[0] not in names_in(ROOT / pair[1])] == []


def test_every_command_of_a_page_can_be_given(page: Path) -> None:
    text = page.read_text("utf-8")
    assert set(re.findall(r"python3 run\.py (\w+)", text)) <= COMMANDS.keys()
    modules = set(re.findall(r"python3? -m ([\w.]+)", text))
    assert [module for module in modules if not is_module(module)] == []
