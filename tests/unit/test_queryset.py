"""A file of queries is taken apart where PostgreSQL would end a statement, and nowhere else."""

import pytest

from runbook.application import queryset


@pytest.mark.parametrize(
    ("text", "queries"),
    [
        ("SELECT 1; SELECT 2", [(1, "SELECT 1"), (1, "SELECT 2")]),
        ("-- a; comment\nSELECT 1;\n\n/* and; another */ SELECT 2;\n", [(2, "SELECT 1"), (4, "SELECT 2")]),
        ("SELECT ';', 'it''s; one', E'a\\';b';", [(1, "SELECT ';', 'it''s; one', E'a\\';b'")]),
        ('SELECT "a;b" FROM t', [(1, 'SELECT "a;b" FROM t')]),
        ("SELECT $$a;b$$, $x$ ; $$ ; $x$;", [(1, "SELECT $$a;b$$, $x$ ; $$ ; $x$")]),
        ("SELECT 'C:\\';SELECT 2", [(1, "SELECT 'C:\\'"), (1, "SELECT 2")]),
        ("SELECT name'\\';SELECT 2", [(1, "SELECT name'\\'"), (1, "SELECT 2")]),
        (";;\n;", []),
        ("", []),
        ("-- only a comment", []),
    ],
)
def test_where_a_query_ends(text: str, queries: list[tuple[int, str]]) -> None:
    assert [(query.line, query.text) for query in queryset.split(text)] == queries


def test_a_long_query_is_shown_in_one_short_line() -> None:
    shown = queryset.split("SELECT\n" + ",\n".join(f"column_{n}" for n in range(99)))[0].shown
    assert shown.startswith("SELECT column_0, column_1,") and shown.endswith("…")
    assert len(shown) == queryset.SHOWN and "\n" not in shown
