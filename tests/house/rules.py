"""The rules of the house, each a function from a file to its faults. Ruff has none of them."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.house.source import Source

FILE_LINES = 300
FUNCTION_LINES = 40
TEST_NAME_WORDS = 10
COMPARED_FIELDS = 2

# Pronouns, adverbs and participles: a variable with such a name does not say what it holds.
EMPTY_NAMES = frozenset(
    {
        *("one", "ones", "it", "these", "those", "such", "other", "others", "some", "any", "each", "all", "both"),
        *("same", "rest", "more", "most", "less", "what", "now", "then", "here", "there", "anew", "away", "ahead"),
        *("beside", "found", "said", "told", "left", "asked", "had", "has", "done", "been", "seen", "known"),
    }
)
OPENER = re.compile(r"(?:^|[.:;]\s+)(What|Whoever|Whose|Who|what|whoever|who)\b(?! (?:is|are|does|do|should)\b[^.]*\?)")
NO_SUBJECT = re.compile(
    r"\b(?:whoever|nobody|somebody|anybody|everybody|someone|anyone|everyone|whose)\b", re.IGNORECASE
)

# Types that share their name with one in another module, and why both keep it.
TWO_HOMES: dict[str, str] = {}


class Fault(NamedTuple):
    """One place where the house is not as it should be, and what to do about it."""

    path: str
    line: int
    rule: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule}: {self.remedy}"


def long_files(source: Source) -> Iterator[Fault]:
    """A file of more than 300 lines; a migration is one step, however long, and is never changed again."""
    if source.lines > FILE_LINES and not source.path.startswith("migrations/versions/"):
        remedy = f"{source.lines} lines, {FILE_LINES} at most; move one of its subjects to a file of its own"
        yield Fault(source.path, FILE_LINES + 1, "long file", remedy)


def long_functions(source: Source) -> Iterator[Fault]:
    """A function of more than 40 lines, its decorators not counted."""
    for node in _functions(source):
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if lines > FUNCTION_LINES:
            remedy = f"{node.name} has {lines} lines, {FUNCTION_LINES} at most; name its steps as functions"
            yield Fault(source.path, node.lineno, "long function", remedy)


def empty_names(source: Source) -> Iterator[Fault]:
    """A variable, field or parameter that is called by a pronoun, an adverb or a participle."""
    for line, name in bound_names(source):
        if name.strip("_") in EMPTY_NAMES and not name.endswith("__"):
            remedy = f"{name!r} does not say what it holds; name the thing (operation, row, finished_attempt)"
            yield Fault(source.path, line, "empty name", remedy)


def bound_names(source: Source) -> Iterator[tuple[int, str]]:
    """Every name that a file binds, with its line: by assignment, in a loop or pattern, as a field or parameter."""
    for node in ast.walk(source.tree):
        match node:
            case (
                ast.Name(id=str(name), ctx=ast.Store())
                | ast.Attribute(attr=str(name), ctx=ast.Store())
                | ast.arg(arg=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
                | ast.MatchMapping(rest=str(name))
                | ast.ExceptHandler(name=str(name))
                | ast.alias(asname=str(name))
            ):
                if name not in {"self", "cls", "_"}:
                    yield node.lineno, name


def relative_openers(source: Source) -> Iterator[Fault]:
    """A sentence of a docstring or comment that opens with an interrogative pronoun and asks nothing."""
    for passage in source.prose:
        for opener in OPENER.finditer(passage.text):
            line = passage.line + passage.text.count("\n", 0, opener.start(1))
            remedy = f"a sentence opens with {opener[1]!r}; open it with a verb, or with a noun of docs/glossary.md"
            yield Fault(source.path, line, "relative opener", remedy)


def missing_subjects(source: Source) -> Iterator[Fault]:
    """A sentence with an indefinite pronoun for a subject: which process, turn or person is meant?"""
    for passage in source.prose:
        for word in NO_SUBJECT.finditer(passage.text):
            line = passage.line + passage.text.count("\n", 0, word.start())
            remedy = f"{word[0]!r} has no name; say which process, turn, row or person it is"
            yield Fault(source.path, line, "missing subject", remedy)


def long_test_names(source: Source) -> Iterator[Fault]:
    """A test with a name of more than ten words, which says more than one thing."""
    for node in _functions(source):
        words = len(node.name.removeprefix("test_").split("_"))
        if node.name.startswith("test_") and words > TEST_NAME_WORDS:
            remedy = f"{node.name} has {words} words, {TEST_NAME_WORDS} at most; say one thing, details in a docstring"
            yield Fault(source.path, node.lineno, "long test name", remedy)


def tuple_asserts(source: Source) -> Iterator[Fault]:
    """A comparison of three or more values at once: its failure does not name the field that differs."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Assert(test=ast.Compare(left=ast.Tuple(elts=values))) if len(values) > COMPARED_FIELDS:
                remedy = f"{len(values)} values compared at once; assert each by itself, so that a failure names it"
                yield Fault(source.path, node.lineno, "tuple assert", remedy)


def doubled_types(sources: Iterable[Source]) -> Iterator[Fault]:
    """A type name that two modules of the product define: one word, two things."""
    homes: defaultdict[str, list[tuple[str, int]]] = defaultdict(list)
    for source in sources:
        for node in ast.walk(source.tree):
            if isinstance(node, ast.ClassDef):
                homes[node.name.lstrip("_")].append((source.path, node.lineno))
    for name, places in homes.items():
        if len({path for path, _ in places}) > 1 and name not in TWO_HOMES:
            for path, line in places:
                namesakes = ", ".join(sorted({home for home, _ in places} - {path}))
                remedy = f"{name} is also a type of {namesakes}; rename one of the two"
                yield Fault(path, line, "type with two homes", remedy)


def _functions(source: Source) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
