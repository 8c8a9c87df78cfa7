"""Deleting OAuth users: what the plan counts is what PostgreSQL does, key by key, in every schema.

Each case adds tables of a team's. The same statement is then run for real, and taken back.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

import sql
from runbook import database as door
from runbook.planning import users
from runbook.planning.users import Deletion
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

OUT = "(SELECT id FROM users WHERE password_hash IS NULL ORDER BY id LIMIT 1)"
OTHER = "(SELECT id FROM users WHERE password_hash IS NULL ORDER BY id DESC LIMIT 1)"
STAYS = "(SELECT id FROM users WHERE password_hash IS NOT NULL ORDER BY id LIMIT 1)"
ALL_OF_THEM = "SELECT id FROM users"
TREE = """CREATE TABLE crm.tree (id int PRIMARY KEY, up int REFERENCES crm.tree ON DELETE {},
    owner uuid REFERENCES users ON DELETE CASCADE); INSERT INTO crm.tree VALUES (1, NULL, """
COMPOSITE = """ALTER TABLE users ADD COLUMN tenant int NOT NULL DEFAULT 1, ADD UNIQUE (tenant, id);
    CREATE TABLE crm.memo (tenant int {}, owner uuid, FOREIGN KEY (tenant, owner) REFERENCES users (tenant, id)
    {}); INSERT INTO crm.memo SELECT 1, id FROM users;"""
DEFAULTING = """DO $$BEGIN EXECUTE format(
    'CREATE TABLE crm.a (owner uuid DEFAULT %L REFERENCES users ON DELETE SET DEFAULT)', {}); END$$;
    INSERT INTO crm.a SELECT id FROM users"""
OFF = """DO $$DECLARE t text; BEGIN
    SELECT tgname INTO t FROM pg_trigger AS t JOIN pg_constraint AS c ON c.oid = t.tgconstraint
    WHERE c.conrelid = 'crm.a'::regclass AND t.tgrelid = 'users'::regclass AND tgtype & 8 = 8;
    EXECUTE format('ALTER TABLE users DISABLE TRIGGER %I', t); END$$"""


def owned(action: str, more: str = "", of: str = ALL_OF_THEM) -> str:
    """Return a table of the team's with a key to users, and a row for each of them."""
    return f"CREATE TABLE crm.a (owner uuid {more} REFERENCES users {action}); INSERT INTO crm.a {of};"


# Name: SQL, what the plan says of the team's tables (deleted, unlinked), and what forbids it.
CASES: dict[str, tuple[str, dict[str, int], dict[str, int], str]] = {
    "another schema": (
        "CREATE TABLE crm.leads (kb uuid NOT NULL REFERENCES knowledge_bases ON DELETE CASCADE);"
        "INSERT INTO crm.leads SELECT id FROM knowledge_bases;" + owned("ON DELETE SET NULL"),
        {"crm.leads": 1},
        {"crm.a": 5},
        "",
    ),
    "another schema forbids": (owned("", "NOT NULL", f"SELECT {OUT}"), {}, {}, "crm.a"),
    "restrict": (owned("ON DELETE RESTRICT"), {}, {}, "crm.a"),
    "deferred": (owned("DEFERRABLE INITIALLY DEFERRED"), {}, {}, "crm.a"),
    "a row that would go a level later": (
        "CREATE TABLE crm.b (base uuid REFERENCES knowledge_bases ON DELETE CASCADE, by uuid REFERENCES users);"
        "INSERT INTO crm.b SELECT id, user_id FROM knowledge_bases",
        {},
        {},
        "crm.b",
    ),
    "a row that the same user's earlier key takes": (
        "CREATE TABLE crm.b (owner uuid REFERENCES users ON DELETE CASCADE, by uuid REFERENCES users);"
        "INSERT INTO crm.b SELECT id, id FROM users",
        {"crm.b": 5},
        {},
        "",
    ),
    "a row that the same user's later key takes": (
        "CREATE TABLE crm.b (by uuid REFERENCES users, owner uuid REFERENCES users ON DELETE CASCADE);"
        "INSERT INTO crm.b SELECT id, id FROM users",
        {},
        {},
        "crm.b",
    ),
    "a row that another user's key takes": (
        "CREATE TABLE crm.b (owner uuid REFERENCES users ON DELETE CASCADE, by uuid REFERENCES users);"
        f"INSERT INTO crm.b SELECT {OTHER}, {OUT} UNION ALL SELECT {OUT}, {OTHER}",
        {},
        {},
        "crm.b",
    ),
    "set null on not null": (owned("ON DELETE SET NULL", "NOT NULL"), {}, {}, "crm.a"),
    "set null on a primary key": (owned("ON DELETE SET NULL", "PRIMARY KEY"), {}, {}, "crm.a"),
    "set null where nobody is reached": (owned("ON DELETE SET NULL", "NOT NULL", f"SELECT {STAYS}"), {}, {}, ""),
    "set null of one column": (COMPOSITE.format("NOT NULL", "ON DELETE SET NULL (owner)"), {}, {"crm.memo": 5}, ""),
    "set null of both": (COMPOSITE.format("NOT NULL", "ON DELETE SET NULL"), {}, {}, "crm.memo"),
    "match full": (COMPOSITE.format("", "MATCH FULL ON DELETE SET NULL (owner)"), {}, {}, "crm.memo"),
    "set default to nobody": (
        owned("ON DELETE SET DEFAULT", "DEFAULT '00000000-0000-0000-0000-000000000000'"),
        {},
        {},
        "crm.a",
    ),
    "set default to somebody": (
        DEFAULTING.format(STAYS),
        {},
        {"crm.a": 5},
        "",
    ),
    "set default to who goes as well": (
        DEFAULTING.format(OUT),
        {},
        {},
        "crm.a",
    ),
    "set default that is null": (owned("ON DELETE SET DEFAULT"), {}, {"crm.a": 5}, ""),
    "itself": (TREE.format("CASCADE") + f"{OUT}), (2, 1, NULL), (3, 2, {STAYS})", {"crm.tree": 3}, {}, ""),
    "itself, forbidding": (TREE.format("NO ACTION") + f"{OUT}), (2, 1, NULL)", {}, {}, "crm.tree"),
    "a circle": (
        "CREATE TABLE crm.a (id int PRIMARY KEY, owner uuid REFERENCES users ON DELETE CASCADE, b int);"
        "CREATE TABLE crm.b (id int PRIMARY KEY, a int REFERENCES crm.a ON DELETE CASCADE);"
        "ALTER TABLE crm.a ADD FOREIGN KEY (b) REFERENCES crm.b ON DELETE CASCADE;"
        f"INSERT INTO crm.a VALUES (1, {OUT}, NULL); INSERT INTO crm.b VALUES (1, 1); UPDATE crm.a SET b = 1",
        {"crm.a": 1, "crm.b": 1},
        {},
        "",
    ),
    "not valid": (
        "CREATE TABLE crm.a (owner uuid); INSERT INTO crm.a SELECT id FROM users;"
        "ALTER TABLE crm.a ADD FOREIGN KEY (owner) REFERENCES users ON DELETE CASCADE NOT VALID",
        {"crm.a": 5},
        {},
        "",
    ),
    "its trigger is off": (owned("ON DELETE CASCADE") + OFF, {}, {}, ""),
    "partitions": (
        "CREATE TABLE crm.a (owner uuid REFERENCES users ON DELETE CASCADE, at int) PARTITION BY RANGE (at);"
        "CREATE TABLE crm.a1 PARTITION OF crm.a FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE crm.a2 PARTITION OF crm.a FOR VALUES FROM (10) TO (20) PARTITION BY LIST (at);"
        "CREATE TABLE crm.a3 PARTITION OF crm.a2 DEFAULT;"
        "INSERT INTO crm.a SELECT id, at FROM users, (VALUES (1), (11)) AS v (at)",
        {"crm.a": 10},
        {},
        "",
    ),
    "a key of one partition": (
        "CREATE TABLE crm.a (owner uuid, at int) PARTITION BY RANGE (at);"
        "CREATE TABLE crm.a1 PARTITION OF crm.a FOR VALUES FROM (0) TO (10);"
        "CREATE TABLE crm.a2 PARTITION OF crm.a FOR VALUES FROM (10) TO (20);"
        "ALTER TABLE crm.a1 ADD FOREIGN KEY (owner) REFERENCES users ON DELETE CASCADE;"
        "INSERT INTO crm.a SELECT id, at FROM users, (VALUES (1), (11)) AS v (at)",
        {"crm.a": 5},
        {},
        "",
    ),
    "a partitioned parent": (
        "CREATE TABLE crm.a (id int, owner uuid REFERENCES users ON DELETE CASCADE, PRIMARY KEY (id)) PARTITION "
        "BY LIST (id);"
        "CREATE TABLE crm.a1 PARTITION OF crm.a FOR VALUES IN (1); CREATE TABLE crm.a2 PARTITION OF crm.a DEFAULT;"
        "CREATE TABLE crm.b (a int REFERENCES crm.a ON DELETE SET NULL);"
        f"INSERT INTO crm.a VALUES (1, {OUT}), (2, {OTHER}), (3, {STAYS}); INSERT INTO crm.b VALUES (1), (2), (3)",
        {"crm.a": 2},
        {"crm.b": 2},
        "",
    ),
    "inheritance": (
        "CREATE TABLE crm.vip (level int, PRIMARY KEY (id)) INHERITS (users);"
        "INSERT INTO crm.vip (email, full_name, level) VALUES ('vip@example.org', 'Vip', 1);"
        "CREATE TABLE crm.of_vip (vip uuid REFERENCES crm.vip ON DELETE CASCADE); INSERT INTO crm.of_vip SELECT "
        "id FROM crm.vip",
        {"crm.vip": 1, "crm.of_vip": 1},
        {},
        "",
    ),
    "one name, two tables": (
        "CREATE TABLE crm.a (owner uuid CONSTRAINT same REFERENCES users ON DELETE CASCADE);"
        "CREATE TABLE crm.b (owner uuid CONSTRAINT same REFERENCES users ON DELETE SET NULL);"
        f"INSERT INTO crm.a SELECT {OUT}; INSERT INTO crm.b SELECT id FROM users",
        {"crm.a": 1},
        {"crm.b": 5},
        "",
    ),
    "a strange name": (
        'CREATE TABLE crm."Odd. Name" ("Owner%" uuid REFERENCES users ON DELETE CASCADE);'
        f'INSERT INTO crm."Odd. Name" SELECT {OUT}',
        {'crm."Odd. Name"': 1},
        {},
        "",
    ),
}
NOT_ENFORCED = owned("ON DELETE CASCADE NOT ENFORCED")


@pytest.mark.parametrize("name", CASES)
def test_what_is_counted_is_what_happens(new_database: Callable[..., Database], name: str) -> None:
    statements, deleted, unlinked, forbids = CASES[name]
    with new_database(forward=ALL).connect() as conn:
        preview = previewed(conn, statements)
        assert {effect.table for effect in preview.effects if effect.action == "forbids"} == {forbids} - {""}
        if forbids:
            with pytest.raises(psycopg.errors.IntegrityError):
                conn.execute(sql.read("oauth/delete.sql"))
            return
        assert team(preview.deleted) == deleted
        setting = [effect for effect in preview.effects if effect.action in ("set null", "set default")]
        assert {effect.table: effect.rows for effect in setting if effect.table.startswith("crm.")} == unlinked
        assert really(conn) == {table: rows for table, rows in preview.deleted.items() if table != "users"}


@pytest.mark.pg("18")
@pytest.mark.parametrize("statements", [NOT_ENFORCED, owned("ON DELETE CASCADE") + OFF], ids=["not enforced", "off"])
def test_rows_that_are_left_behind_are_named(new_database: Callable[..., Database], statements: str) -> None:
    with new_database(forward=ALL).connect() as conn:
        preview = previewed(conn, statements)
        assert [(effect.table, effect.rows) for effect in preview.effects if effect.action == "left behind"] == [
            ("crm.a", 5)
        ]
        assert "crm.a" not in really(conn)


def previewed(conn: psycopg.Connection[Any], statements: str) -> Deletion:
    conn.execute("UPDATE benchmark_results SET evaluated_by = NULL; CREATE SCHEMA crm")
    conn.execute(statements.encode())
    return users.preview_deletion(conn)


def team(counts: Any) -> dict[str, int]:
    return {table: rows for table, rows in counts.items() if table.startswith("crm.")}


def really(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Delete, and return what PostgreSQL itself counted, by table, but for the users."""
    with conn.transaction(force_rollback=True):
        conn.execute(sql.read("oauth/delete.sql"))
        changes = door.query(conn, "row_changes")
    return {row["table"]: row["deleted"] for row in changes if row["deleted"] and row["table"] != "users"}
