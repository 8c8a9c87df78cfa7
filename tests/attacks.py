"""Tries to get round the gate, to damage or to mislead: each is a test marked with who tries, what, and what stops it.

    @pytest.mark.attack("api", "sends another approver's code with their own name", "the code is the named person's")
    def test_…

Where many tests try the same, or one test tries much by parameters, one line of docs/security-tries.md stands for it.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
WHO = {
    "api": "Whoever reaches Prefect's API",
    "owner": "The database's owner, or who may write to it",
    "files": "Who may write some file of the worker's machine",
    "texts": "Whoever has a text shown: by an alert, a name in the database, a server's or a program's answer",
}
"""Who tries, as the marker names them, and as the page does."""


@dataclass(frozen=True)
class Attack:
    """A try, and the test that makes it."""

    test: str
    """As pytest names it: file and function."""
    who: str
    what: str
    stops: str


def found() -> list[Attack]:
    """Return all marked tests, in the order of files and lines. Raises ValueError for a marker that says too little."""
    return [one for path in sorted(TESTS.rglob("test_*.py")) for one in _of(path)]


def _of(path: Path) -> Iterator[Attack]:
    text = path.read_text(encoding="utf-8")
    if "mark.attack(" not in text:
        return
    name = f"tests/{path.relative_to(TESTS)}"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            for words in filter(None, map(_words, node.decorator_list)):
                yield _attack(f"{name}::{node.name}", words)


def _words(decorator: ast.expr) -> list[object]:
    """Return the arguments of the marker; empty for other decorators."""
    marks = isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.attack"
    return [ast.literal_eval(one) for one in decorator.args] if marks and isinstance(decorator, ast.Call) else []


def _attack(test: str, words: list[object]) -> Attack:
    match words:
        case [str(who), str(what), str(stops)] if who in WHO and what and stops:
            return Attack(test, who, what, stops)
        case _:
            raise ValueError(f"{test}: attack(who, what, what stops it); who is one of {', '.join(WHO)}: {words}")
