"""Rules that every file below sql/ keeps, judged by PostgreSQL's own parser."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pglast import parse_plpgsql, parse_sql

SQL = Path(__file__).parent.parent.parent / "sql"
ROLLBACK = sorted((SQL / "rollback").glob("*.sql"))
VERIFY = sorted((SQL / "verify").glob("*.sql"))
OAUTH = sorted((SQL / "oauth").glob("*.sql"))
QUERIES = sorted((SQL / "queries").glob("*.sql"))
READING = [path for path in QUERIES if not path.name.startswith(("journal_", "history_"))]
FILES = sorted(SQL.rglob("*.sql"))

# The sections with which a file opens, by folder.
SECTIONS = {
    "rollback": ("UNDOES", "REMOVES", "KEEPS IN THE ARCHIVE", "REFUSES", "LOCKS", "BY HAND"),
    "verify": ("CHECKS", "LOCKS", "BY HAND"),
    "oauth": ("LOCKS", "BY HAND"),
}


def name(path: Path) -> str:
    return str(path.relative_to(SQL))


def head(path: Path) -> str:
    """Return the comment with which a file opens."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return "\n".join(lines[: next(nr for nr, line in enumerate(lines) if not line.startswith("--"))])


def code(path: Path) -> str:
    """Return a file's text without comments."""
    return re.sub(r"--[^\n]*", "", path.read_text(encoding="utf-8"))


def statements(path: Path) -> list[Any]:
    """Parse a file, with something in place of each of psycopg's placeholders."""
    text = re.sub(r"%\(\w+\)s", "NULL", path.read_text(encoding="utf-8")).replace("%%", "%")
    return [one.stmt for one in parse_sql(text.replace("{table}", "knowledge_bases"))]


def bodies(path: Path) -> Iterator[str]:
    """Return the statements inside a DO block, as the procedural parser sees them."""
    parsed = parse_plpgsql(path.read_text(encoding="utf-8"))
    yield from re.findall(r"'query': '((?:[^'\\]|\\.)*)'|'query': \"((?:[^\"\\]|\\.)*)\"", str(parsed))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_each_file_opens_with_a_comment_and_is_sql(path: Path) -> None:
    literal = path.parent.name == "procedure"  # those are the procedure's own lines
    assert literal or head(path).startswith("-- ")
    assert statements(path)


@pytest.mark.parametrize("path", [*ROLLBACK, *VERIFY, *OAUTH], ids=name)
def test_each_script_opens_with_its_sections(path: Path) -> None:
    missing = [
        section for section in SECTIONS[path.parent.name] if not re.search(rf"^-- {section}\b", head(path), re.M)
    ]
    assert missing == []


@pytest.mark.parametrize("path", [*ROLLBACK, *VERIFY, *OAUTH], ids=name)
def test_each_script_is_one_block_and_so_all_or_nothing(path: Path) -> None:
    assert [type(one).__name__ for one in statements(path)] == ["DoStmt"]
    assert next(bodies(path))


@pytest.mark.parametrize("path", FILES, ids=name)
def test_no_file_ends_a_transaction_or_speaks_to_psql(path: Path) -> None:
    assert not re.search(r"^\s*\\", code(path), re.M)
    if path.parent.name != "fence":  # the watchdog runs for itself, and must not hold a transaction
        assert not re.search(r"(^|;)\s*(COMMIT|ROLLBACK|START TRANSACTION|SAVEPOINT)\b", code(path), re.M)
    assert not [one for one in statements(path) if type(one).__name__ == "TransactionStmt"]
    assert "VACUUM" not in code(path)
    assert "CONCURRENTLY" not in code(path)


@pytest.mark.parametrize("path", [*ROLLBACK, *OAUTH], ids=name)
def test_no_script_drops_what_it_does_not_name(path: Path) -> None:
    cascades = [line for line in code(path).splitlines() if "CASCADE" in line and "ON DELETE CASCADE" not in line]
    assert cascades == []


def test_what_goes_with_a_column_is_one_rule() -> None:
    places = (
        "rollback/010_rollback_knowledge_base",
        "rollback/012_rollback_oauth",
        "queries/blockers",
        "queries/fingerprint",
    )
    rules = [
        re.sub(
            r"\s+",
            " ",
            re.findall(r"-- RULE:.*?(?=\),?\s*-- END OF RULE)", (SQL / f"{place}.sql").read_text("utf-8"), re.S)[0],
        )
        for place in places
    ]
    assert len(rules[0]) > 1000
    assert len(set(rules)) == 1


@pytest.mark.parametrize("path", [*ROLLBACK, *VERIFY, *QUERIES], ids=name)
def test_labels_are_never_read_by_enum_range(path: Path) -> None:
    assert not re.search(r"\benum_(range|first|last)\b", code(path))


@pytest.mark.parametrize("path", READING, ids=name)
def test_queries_only_read(path: Path) -> None:
    assert [type(one).__name__ for one in statements(path)] == ["SelectStmt"]


@pytest.mark.parametrize("path", VERIFY, ids=name)
def test_verify_scripts_only_read(path: Path) -> None:
    changing = r"\b(INSERT|UPDATE|DELETE|ALTER|CREATE|DROP|TRUNCATE|GRANT|REVOKE|COMMENT ON|EXECUTE)\b(?! CASCADE)"
    found = [line for line in code(path).splitlines() if re.search(changing, line) and "ON DELETE" not in line]
    assert found == []


def test_every_rollback_has_its_verification() -> None:
    assert [path.name for path in ROLLBACK] == [path.name for path in VERIFY]
    assert [path.name[:3] for path in ROLLBACK] == ["010", "011", "012"]


def test_the_placeholder_is_the_procedures() -> None:
    placeholder = "$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN"
    for place in ("oauth/temporary_passwords.sql", "rollback/012_rollback_oauth.sql", "queries/placeholders.sql"):
        assert placeholder in (SQL / place).read_text(encoding="utf-8")
    for place in ("rollback/010_rollback_knowledge_base.sql", "queries/placeholders.sql"):
        assert "'Not recorded'" in (SQL / place).read_text(encoding="utf-8")
