"""A Python file as the rules read it: its tree, and its docstrings and comments with their lines."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Passage(NamedTuple):
    """One docstring, or one line of comment without its sign; `line` is the file's line on which it begins."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Source:
    """`path` is relative to the project's folder, with slashes."""

    path: str
    lines: int
    tree: ast.Module
    prose: tuple[Passage, ...]

    @classmethod
    def parse(cls, path: str, text: str) -> Source:
        """Parse a file's text; raise `SyntaxError` if it is not Python."""
        tree = ast.parse(text)
        return cls(path, text.count("\n"), tree, (*_docstrings(tree), *_comments(text)))


def read_tree(root: Path, folders: tuple[str, ...]) -> list[Source]:
    """Read every Python file under these folders of the project at `root`, in the order of their paths."""
    paths = [path for folder in folders for path in sorted((root / folder).rglob("*.py"))]
    return [Source.parse(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in paths]


def _docstrings(tree: ast.Module) -> Iterator[Passage]:
    """Every string that stands as a statement: docstrings, and those below a field."""
    for node in ast.walk(tree):
        match node:
            case ast.Expr(value=ast.Constant(value=str(text))):
                yield Passage(node.lineno, text)


def _comments(text: str) -> Iterator[Passage]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(token.start[0], token.string.lstrip("# "))
