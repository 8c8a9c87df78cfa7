"""The runner is not the application's role, no superuser, and has a search_path of its own; the result is the same."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

import sql
from runbook.schema import catalogue
from tests import states
from tests.databases import ALL, Database

pytestmark = pytest.mark.pg("15", "18")

# The application owns what is in schema public; the runner may act for it.
OWNED = """
    CREATE ROLE app_owner; CREATE ROLE app_runner LOGIN IN ROLE app_owner; CREATE ROLE app_reader;
    DO $$
    DECLARE item record;
    BEGIN
        FOR item IN
            SELECT 'TABLE' AS what, c.oid::regclass::text AS name FROM pg_class AS c
            WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')
            UNION ALL
            SELECT 'TYPE', oid::regtype::text FROM pg_type WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        LOOP
            EXECUTE format('ALTER %s %s OWNER TO app_owner', item.what, item.name);
        END LOOP;
        IF to_regnamespace('extensions') IS NOT NULL THEN
            GRANT USAGE ON SCHEMA extensions TO app_owner;
        END IF;
        EXECUTE format('GRANT CREATE ON DATABASE %I TO app_runner', current_database());
    END $$;
    GRANT ALL ON SCHEMA public TO app_owner;
    GRANT SELECT ON ALL TABLES IN SCHEMA public TO app_reader;
    GRANT INSERT ON conversations TO app_reader WITH GRANT OPTION;
    ALTER DEFAULT PRIVILEGES FOR ROLE app_runner GRANT ALL ON TABLES TO PUBLIC;
"""
DISOWNED = "; ".join(
    f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}" for role in ("app_runner", "app_reader", "app_owner")
)
OWNER_AND_GRANTS = "SELECT relowner::regrole::text, relacl::text FROM pg_class WHERE oid = %s::regclass"


@pytest.fixture
def owned(new_database: Callable[..., Database]) -> Iterator[Database]:
    database = new_database(messages=20, forward=ALL)
    with database.connect() as admin:
        admin.execute(OWNED)
        yield database
        admin.execute(DISOWNED)


def as_runner(database: Database) -> psycopg.Connection[Any]:
    server = database.server
    return psycopg.connect(
        host=server.host, port=server.port, user="app_runner", dbname=database.dbname, autocommit=True
    )


def test_the_runner_may_be_another_role(owned: Database) -> None:
    with as_runner(owned) as conn:
        conn.execute("SET search_path = ''")
        with conn.transaction():
            conn.execute(sql.read("oauth/temporary_passwords.sql"))
            states.roll_back(conn, gemini="remove")
            states.verify(conn)
        found = catalogue.differences(catalogue.expected(int(owned.server.version)), catalogue.read(conn))
        assert [str(one) for one in found if one.fails] == []
        like = conn.execute(OWNER_AND_GRANTS, ["public.conversations"]).fetchone()
        assert conn.execute(OWNER_AND_GRANTS, ["public.handover_notifications"]).fetchone() == like
        owners = "SELECT DISTINCT typowner::regrole::text FROM pg_type WHERE typname IN ('user_role', 'llm_provider')"
        assert conn.execute(owners).fetchall() == [("app_owner",)]


@pytest.mark.parametrize("script", ["rollback/012_rollback_oauth", "oauth/temporary_passwords", "oauth/delete"])
def test_hidden_rows_are_refused_not_overlooked(owned: Database, script: str) -> None:
    with owned.connect() as admin:
        admin.execute("CREATE POLICY visible ON users USING (password_hash IS NOT NULL)")
        admin.execute("ALTER TABLE users ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
    with as_runner(owned) as conn, pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
        conn.execute(sql.read(f"{script}.sql"))
