"""PROCEDURE.md is true: each file, task, function, option and test that it names exists, and no row is without one."""

import ast
import re
from collections.abc import Iterator

import pytest

from runbook.request import RollbackRequest
from tests.rules.test_docs import ROOT, text

PAGE = "PROCEDURE.md"
SAME = "the same"
FUNCTION = re.compile(r"`(\w+)` of `([\w/.]+\.py)`")
FILE = re.compile(r"`((?:flows|tasks|runbook|sql)/[\w/.]+)`")


def table() -> list[tuple[str, str, str]]:
    """Return the rows of all tables: what the procedure says, where it is done, what holds it."""
    lines = [line for line in text(PAGE).splitlines() if line.startswith("| ") and "---" not in line]
    rows = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines]
    return [(row[0], row[1], row[2]) for row in rows if row[0] != "the procedure says"]


def defined(path: str) -> set[str]:
    """Return the names of the functions that a file defines."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def functions() -> Iterator[str]:
    for file in (ROOT / "tests").rglob("test_*.py"):
        yield from defined(str(file.relative_to(ROOT)))


def test_each_line_is_done_somewhere_and_held_by_a_test() -> None:
    rows = table()
    assert len(rows) > 40
    assert [row for row in rows if not re.search(r"`|people's|the same|\]\(", row[1])] == []
    assert [row for row in rows if "test_" not in row[2] and row[2] != SAME] == []


def test_the_same_refers_to_a_row_above_it() -> None:
    for section in text(PAGE).split("\n## ")[2:]:
        first = section.split("| --- | --- | --- |\n")[1].splitlines()[0]
        assert SAME not in first, first


def test_each_test_that_is_named_exists() -> None:
    assert set(re.findall(r"`(test_\w+)`", text(PAGE))) - set(functions()) == set()


@pytest.mark.parametrize(("name", "path"), sorted(set(FUNCTION.findall(text(PAGE)))))
def test_each_function_that_is_named_exists(name: str, path: str) -> None:
    assert name in defined(path)


@pytest.mark.parametrize("path", sorted(set(FILE.findall(text(PAGE)))))
def test_each_file_exists_and_each_task_is_one(path: str) -> None:
    assert (ROOT / path).is_file()
    if path.startswith("tasks/"):
        assert "@task(" in text(path)


def test_each_option_that_is_named_is_a_field_of_the_request() -> None:
    named = {option.replace("-", "_") for option in re.findall(r"`--([a-z-]+)", text(PAGE))}
    assert named and named <= set(RollbackRequest.model_fields)


def test_each_step_and_script_of_the_change_is_in_it() -> None:
    """What the procedure asks for is all there: every rollback script, every query of step 5, every way with users."""
    for folder in ("rollback", "verify/procedure", "oauth"):
        for file in (ROOT / "sql" / folder).glob("*.sql"):
            assert f"sql/{folder}/{file.name}`" in text(PAGE)
