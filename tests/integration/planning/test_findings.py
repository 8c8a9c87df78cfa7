"""What rows stand in the way of: the plan says it, and PostgreSQL then does what the plan said.

Each case adds one object to a transformed database. A blocker must be one in truth: the transaction fails, or leaves
rows behind that stand against their CHECK. Where the plan says nothing of the kind, the transaction goes through.
"""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from tests.databases import ALL, Database
from tests.integration.planning.looking import Case, looked, transact

pytestmark = pytest.mark.pg("18")

# The placeholders meet CHECKs, domains, types and unique keys.
PLACEHOLDERS = {
    "too short, not valid": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (password_hash IS NULL OR length(password_hash) >= 50) NOT VALID",
        "check c on users refuses the placeholder '$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN' for users.password_hash in "
        "5 rows, although it is NOT VALID",
    ),
    "too short, keep": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (length(password_hash) >= 50) NOT VALID", oauth="keep"
    ),
    "too short, delete": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (length(password_hash) >= 50) NOT VALID", oauth="delete"
    ),
    "a pattern": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (password_hash LIKE '$2b$10$%') NOT VALID",
    ),
    "one way to sign in": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (password_hash IS NULL OR oauth_provider IS NULL) NOT VALID",
        "check c on users refuses the placeholder",
    ),
    "about another column": Case(
        "UPDATE users SET full_name = 'x' WHERE password_hash IS NULL;"
        "ALTER TABLE users ADD CONSTRAINT c CHECK (length(full_name) > 1) NOT VALID",
        "check c on users refuses the placeholder",
    ),
    "about a generated column": Case(
        "ALTER TABLE users ADD COLUMN signs_in text GENERATED ALWAYS AS (coalesce(password_hash, 'no')) STORED,"
        "ADD CONSTRAINT c CHECK (signs_in = 'no' OR length(signs_in) > 50) NOT VALID",
        "check c on users refuses the placeholder",
    ),
    "not enforced": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (length(password_hash) >= 50) NOT ENFORCED",
    ),
    "unique": Case(
        "UPDATE users SET password_hash = password_hash || id WHERE password_hash IS NOT NULL;"
        "CREATE UNIQUE INDEX one_hash ON users (password_hash)",
        "unique key one_hash on users refuses the placeholder",
    ),
    "unique, an expression": Case(
        "UPDATE users SET password_hash = password_hash || id WHERE password_hash IS NOT NULL;"
        "CREATE UNIQUE INDEX one_hash ON users (lower(password_hash)) WHERE is_active",
        "unique key one_hash on users refuses the placeholder",
    ),
    "unique with the e-mail": Case("CREATE UNIQUE INDEX hash_and_mail ON users (password_hash, email)"),
    "unique for somebody else": Case(
        "CREATE UNIQUE INDEX one_hash ON users (password_hash) WHERE role = 'super_admin'"
    ),
    "exclusion": Case(
        "UPDATE users SET password_hash = id WHERE password_hash IS NOT NULL;"
        "ALTER TABLE users ADD CONSTRAINT ex EXCLUDE USING hash (password_hash WITH =)",
        "unique key ex on users refuses the placeholder",
    ),
    "an inheritance child": Case(
        "CREATE TABLE vip (CONSTRAINT c CHECK (length(password_hash) > 50)) INHERITS (users);"
        "INSERT INTO vip (email, full_name) VALUES ('v@example.org', 'V')",
        "check c on vip refuses the placeholder",
    ),
    "set null": Case(
        "CREATE TABLE note (owner uuid CONSTRAINT k REFERENCES users ON DELETE SET NULL, n int CHECK (owner IS "
        "NOT NULL));"
        "INSERT INTO note SELECT id FROM users",
        "check note_owner_check on note refuses SET NULL by k in 5 rows",
        oauth="delete",
    ),
    "set null of a domain": Case(
        "CREATE DOMAIN owner AS uuid CHECK (VALUE IS NOT NULL);"
        "CREATE TABLE note (owner owner CONSTRAINT k REFERENCES users ON DELETE SET NULL); INSERT INTO note "
        "SELECT id FROM users",
        "note.owner refuses SET NULL by k",
        oauth="delete",
    ),
    "set null where nulls collide": Case(
        "CREATE TABLE note (owner uuid CONSTRAINT k REFERENCES users ON DELETE SET NULL, UNIQUE NULLS NOT "
        "DISTINCT (owner));"
        "INSERT INTO note SELECT id FROM users",
        "unique key note_owner_key on note refuses SET NULL by k",
        oauth="delete",
    ),
}
# Labels as text: PostgreSQL renames the label, and no CHECK is asked.
LABELS = {
    "text": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (role::text IN ('super_admin', 'kb_owner', 'end_user'))",
        "check c on users names labels of user_role as text, and",
        violated="users",
    ),
    "text, and 012 is skipped": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (role::text IN ('super_admin', 'kb_owner', 'end_user'))", oauth="keep"
    ),
    "the enum itself": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (role IN ('super_admin', 'kb_owner', 'end_user'))"
    ),
    "both": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (role <> 'kb_owner' OR role::text ~ '^kb_')",
        "check c on users names labels of user_role",
        violated="users",
    ),
    "no literal at all": Case(
        "ALTER TABLE users ADD CONSTRAINT c CHECK (length(role::text) <> 12)",
        "check c on users names labels of user_role",
        violated="users",
    ),
    "old and new": Case("ALTER TABLE users ADD CONSTRAINT c CHECK (role::text <> 'owner')"),
    "another table": Case(
        "CREATE SCHEMA crm; CREATE TABLE crm.staff (r user_role CHECK (r::text <> 'professional'));"
        "INSERT INTO crm.staff VALUES ('kb_owner'), ('kb_owner'), ('end_user')",
        "check staff_r_check on crm.staff names labels of user_role as text, and 2 rows would violate it",
        violated="crm.staff",
    ),
    "an array": Case(
        "CREATE TABLE staff (r user_role[] CHECK (NOT 'professional' = ANY (r::text[])));"
        "INSERT INTO staff VALUES ('{kb_owner,end_user}')",
        "check staff_r_check on staff names labels",
        violated="staff",
    ),
    "a partition": Case(
        "CREATE TABLE staff (id int, r user_role CHECK (r::text <> 'professional')) PARTITION BY LIST (id);"
        "CREATE TABLE staff1 PARTITION OF staff DEFAULT; INSERT INTO staff VALUES (1, 'kb_owner')",
        "check staff_r_check on staff names labels",
        violated="staff",
    ),
    "a domain": Case(
        "CREATE DOMAIN team_role AS user_role CONSTRAINT d CHECK (VALUE::text <> 'professional');"
        "CREATE TABLE staff (r team_role); INSERT INTO staff VALUES ('kb_owner')",
        "domain check of team_role d on staff names labels",
        violated="staff",
    ),
    "gemini as text": Case(
        "ALTER TABLE knowledge_bases ADD CONSTRAINT c CHECK (llm_provider::text <> 'openai') NOT VALID",
        "check c on knowledge_bases names labels of llm_provider",
        gemini="remove",
        violated="digital_twins",
    ),
}


def write_again(conn: psycopg.Connection[Any], table: str) -> None:
    """Write each row as it is, as any UPDATE of the application's does; a domain is asked again too."""
    columns = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum = 1 AND attrelid ="
    [(name, kind)] = conn.execute(f"{columns} '{table}'::regclass".encode()).fetchall()
    conn.execute(f"UPDATE {table} SET {name} = {name}::text::{kind}".encode())


@pytest.mark.parametrize(("name", "case"), [*PLACEHOLDERS.items(), *LABELS.items()], ids=[*PLACEHOLDERS, *LABELS])
def test_a_blocker_is_one_in_truth(new_database: Callable[..., Database], name: str, case: Case) -> None:
    with new_database(forward=ALL).connect() as conn:
        conn.execute("UPDATE benchmark_results SET evaluated_by = NULL")
        conn.execute(case.added.encode())
        blockers = looked(conn, case).blockers
        assert [case.blocks in line for line in blockers] == ([True] if case.blocks else []), blockers
        with conn.transaction(force_rollback=True):
            if not case.blocks:
                transact(conn, case)
            elif case.violated:
                transact(conn, case)
                with pytest.raises(psycopg.errors.CheckViolation):
                    write_again(conn, case.violated)
            else:
                with pytest.raises((psycopg.errors.IntegrityError, psycopg.errors.DataError)):
                    transact(conn, case)


# Drift in the data: SQL, and the blocker; or the warning.
SPOILT = {
    "a label in use": (
        "ALTER TYPE user_role ADD VALUE 'support'",
        "UPDATE users SET role = 'support' WHERE role = 'end_user'",
        "Type user_role has the label support, which the previous release does not know, and rows use it (",
        "",
    ),
    "duplicates": (
        "ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key",
        "INSERT INTO knowledge_bases (user_id, name) SELECT user_id, name FROM knowledge_bases LIMIT 1",
        "The unique constraint digital_twins_user_id_key is gone from knowledge_bases, and 2 rows share their user_id",
        "",
    ),
    "no duplicates": ("ALTER TABLE knowledge_bases DROP CONSTRAINT digital_twins_user_id_key", "SELECT 1", "", ""),
    "an index that is needed": (
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'idx_conversations_kb_id'::regclass",
        "SELECT 1",
        "Index idx_conversations_kb_id of conversations is invalid, and the end state needs it. REINDEX INDEX",
        "",
    ),
    "an index of the team's": (
        "CREATE INDEX mine ON users (full_name); UPDATE pg_index SET indisvalid = false WHERE indexrelid = "
        "'mine'::regclass",
        "SELECT 1",
        "",
        "Index mine of users is invalid: no query uses it",
    ),
    "a key that is needed": (
        "ALTER TABLE conversations DROP CONSTRAINT conversations_twin_id_fkey, ADD CONSTRAINT "
        "conversations_twin_id_fkey "
        "FOREIGN KEY (kb_id) REFERENCES knowledge_bases ON DELETE CASCADE NOT VALID",
        "SELECT 1",
        "Foreign key conversations_twin_id_fkey of conversations is not validated, and the end state needs it whole",
        "",
    ),
    "a key of the team's": (
        "CREATE SCHEMA crm; CREATE TABLE crm.a (owner uuid); ALTER TABLE crm.a ADD FOREIGN KEY (owner) "
        "REFERENCES users NOT VALID",
        "SELECT 1",
        "",
        "Foreign key a_owner_fkey of crm.a is not validated: rows without a parent may be there",
    ),
}


@pytest.mark.parametrize("name", SPOILT)
def test_what_the_data_lacks(new_database: Callable[..., Database], name: str) -> None:
    first, then, blocks, warns = SPOILT[name]
    with new_database(forward=ALL).connect() as conn:
        conn.execute(first.encode())
        conn.execute(then.encode())
        found = looked(conn, Case(""))
        assert [line.startswith(blocks) for line in found.blockers] == ([True] if blocks else []), found.blockers
        assert [line.startswith(warns) for line in found.warnings] == ([True] if warns else []), found.warnings


NO_PROFESSION = """ALTER TABLE digital_twins ALTER COLUMN profession DROP NOT NULL;
    UPDATE digital_twins SET profession = NULL;
    ALTER TABLE digital_twins ADD CONSTRAINT c CHECK (profession <> 'Not recorded')"""


def test_the_placeholder_for_a_profession_meets_checks_too(new_database: Callable[..., Database]) -> None:
    with new_database(forward=("012",)).connect() as conn:
        conn.execute(NO_PROFESSION)
        [line] = looked(conn, Case("")).blockers
        assert line.startswith("check c on digital_twins refuses the placeholder 'Not recorded' for digital_twins.")
        with pytest.raises(psycopg.errors.CheckViolation), conn.transaction():
            transact(conn, Case(""))


def test_rows_that_nobody_counts_block(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute("SET track_counts = off")
        assert [line[:19] for line in looked(conn, Case("")).blockers] == ["track_counts is off"]


def test_what_takes_too_long_is_said(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_LOOK_SECONDS", "0.3")
    with transformed.connect() as conn:
        conn.execute(
            "CREATE FUNCTION slow(text) RETURNS bool IMMUTABLE LANGUAGE plpgsql "
            "AS $$BEGIN PERFORM pg_sleep(1); RETURN true; END$$;"
            "ALTER TABLE users ADD CONSTRAINT c CHECK (slow(role::text)) NOT VALID"
        )
        found = looked(conn, Case("", oauth="delete"))
        assert any("because it took longer than 0.3 s (ROLLBACK_LOOK_SECONDS)" in line for line in found.warnings)
        assert conn.execute("SHOW statement_timeout").fetchone() == ("0",)


def test_a_check_that_cannot_be_tried_is_named(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(
            "CREATE FUNCTION fits(user_role) RETURNS bool IMMUTABLE LANGUAGE sql AS 'SELECT true';"
            "ALTER TABLE users ADD CONSTRAINT c CHECK (fits(role))"
        )
        assert any(
            "Not looked at: check c on users" in line for line in looked(conn, Case("", oauth="delete")).warnings
        )


def test_looking_writes_nothing(transformed: Database) -> None:
    with transformed.connect() as conn:
        conn.execute(
            "CREATE TABLE seen (n int); CREATE FUNCTION spy(text) RETURNS bool LANGUAGE plpgsql "
            "AS $$BEGIN INSERT INTO seen VALUES (1); RETURN true; END$$;"
            "ALTER TABLE users ADD CONSTRAINT c CHECK (spy(role::text)) NOT VALID"
        )
        found = looked(conn, Case("", oauth="delete"))
        assert any("Not looked at: check c on users" in line for line in found.warnings)
    assert transformed.value("SELECT count(*) FROM seen") == 0
