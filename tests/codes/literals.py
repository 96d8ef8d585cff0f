"""The codes that the source of the product gives, found by reading it."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from run import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

CODE = re.compile(r"[a-z]+(?:_[a-z]+)*")

# A concern, a reason of an explanation and the fault of a feed have codes of their own, which `status`, `explain` and
# `feeds` say beside their sentence.
OTHER_CODES = frozenset({"Concern", "FeedFault", "Note", "Reason"})
OTHER_ROOMS = frozenset({"codes", "concerns", "explaining", "sandbox"})


class Literal(NamedTuple):
    """A code as it stands in the source."""

    code: str
    place: str


def literals() -> list[Literal]:
    """Find every literal that is given as the code of a row, a file, an outcome or a settlement."""
    trees = {path: ast.parse(path.read_text(encoding="utf-8")) for path in sources()}
    places = _places_of_code(trees)
    return [
        Literal(code, f"{path.relative_to(ROOT)}:{expression.lineno}")
        for path, tree in trees.items()
        for expression in _code_expressions(tree, places)
        for code in _texts(expression)
        if CODE.fullmatch(code)
    ]


def _texts(expression: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may have for its value, as far as they stand in it."""
    match expression:
        case ast.Constant(value=str(text)):
            yield text
        case ast.IfExp(body=first, orelse=second):
            yield from _texts(first)
            yield from _texts(second)
        case ast.Call(args=[*_, default]):
            yield from _texts(default)


def sources() -> list[Path]:
    """List the files of the product that may give such codes."""
    files = sorted((ROOT / "worker").rglob("*.py"))
    return [path for path in files if path.relative_to(ROOT).parts[1] not in OTHER_ROOMS]


def _places_of_code(trees: Mapping[Path, ast.Module]) -> Mapping[str, set[int]]:
    """Find the position of the parameter or field `code` of each function and class that has one."""
    places: defaultdict[str, set[int]] = defaultdict(set)
    nodes = [node for tree in trees.values() for node in ast.walk(tree)]
    for node in nodes:
        if isinstance(node, ast.ClassDef):
            _note(places, node.name, _fields(node))
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and method.name == "__init__":
                    _note(places, node.name, _parameters(method))
        elif isinstance(node, ast.FunctionDef):
            _note(places, node.name, _parameters(node))
    # A class that takes its constructor over has its parent's.
    for node in nodes:
        for base in node.bases if isinstance(node, ast.ClassDef) else ():
            if isinstance(base, ast.Name) and isinstance(node, ast.ClassDef):
                places[node.name] |= places[base.id]
    return {name: of_code for name, of_code in places.items() if name not in OTHER_CODES}


def _fields(node: ast.ClassDef) -> list[str]:
    annotated = [item.target for item in node.body if isinstance(item, ast.AnnAssign)]
    return [target.id for target in annotated if isinstance(target, ast.Name)]


def _note(places: dict[str, set[int]], name: str, parameters: list[str]) -> None:
    if "code" in parameters:
        places[name].add(parameters.index("code"))


def _parameters(function: ast.FunctionDef) -> list[str]:
    arguments = [*function.args.posonlyargs, *function.args.args]
    return [argument.arg for argument in arguments if argument.arg not in {"self", "cls"}]


def _code_expressions(tree: ast.Module, places: Mapping[str, set[int]]) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name not in OTHER_CODES:
                # Behind a starred argument the places are not those of the parameters.
                if not any(isinstance(argument, ast.Starred) for argument in node.args):
                    yield from (node.args[place] for place in places.get(name, ()) if place < len(node.args))
                yield from (keyword.value for keyword in node.keywords if keyword.arg in {"code", "error_code"})
            case ast.Assign(targets=[ast.Name(id="code")], value=value):
                yield value
            case ast.Tuple(elts=[ast.Constant(value=str(code)), _, ast.Constant(value=str(remedy))]):
                # A code with its reason and remedy, as of ALREADY_SENT.
                if CODE.fullmatch(code) and remedy.endswith("."):
                    yield node.elts[0]
            case ast.Dict():
                for key, value in zip(node.keys, node.values, strict=True):
                    if isinstance(key, ast.Constant) and key.value in {"code", "error_code"}:
                        yield value
