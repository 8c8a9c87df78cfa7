"""How the backup is taken follows what the server can copy: collation, rights, tablespaces, templates."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook import database
from runbook.errors import RollbackError
from runbook.outlook import Means
from runbook.safekeeping import means, snapshot
from runbook.settings import Settings
from tests.databases import Database
from tests.servers import Server

SETTINGS = Settings(snapshot_room_gb=100)
pytestmark = pytest.mark.pg("15", "18")


@pytest.fixture(autouse=True)
def aimed(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in transformed.env.items():
        monkeypatch.setenv(name, value)


def drawn(wanted: str = "auto", settings: Settings = SETTINGS) -> Means:
    with database.connect() as conn:
        return means.draw(conn, wanted, settings)


def copied(transformed: Database) -> Database:
    """Take a copy as a run does."""
    with database.connect() as conn, database.connect("postgres") as gate:
        taken = snapshot.take(conn, gate, clone=False)
        gate.execute(f'ALTER DATABASE "{taken.database}" ALLOW_CONNECTIONS true'.encode())
    return Database(transformed.server, taken.database)


def test_a_collation_of_another_version_makes_it_a_dump_and_is_the_reason(transformed: Database) -> None:
    assert drawn("snapshot").way.obstacle == ""
    with transformed.server.connect() as admin:
        admin.execute("UPDATE pg_database SET datcollversion = '1.0' WHERE datname = %s", [transformed.dbname])
    chosen = drawn()
    assert chosen.method == "dump" and "collation was of version 1.0" in chosen.why
    with pytest.raises(RollbackError, match="REFRESH COLLATION VERSION"):
        means.check(drawn("snapshot"))
    with pytest.raises(RollbackError, match="collation version"):
        copied(transformed)


@pytest.fixture
def role(transformed: Database) -> Iterator[str]:
    name = f"role_of_{transformed.dbname}"
    with transformed.server.connect() as admin:
        admin.execute(f"CREATE ROLE {name} LOGIN")
    yield name
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {transformed.dbname} OWNER TO CURRENT_USER")
        admin.execute(f"DROP ROLE {name}")


def test_a_role_that_may_not_make_databases_takes_a_dump_and_it_is_the_reason(
    transformed: Database, role: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with transformed.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {transformed.dbname} OWNER TO {role}")
    monkeypatch.setenv("PGUSER", role)
    chosen = drawn()
    assert chosen.method == "dump" and f"ALTER ROLE {role} CREATEDB" in chosen.why


def test_a_template_in_a_tablespace_with_tables_in_another_is_copied_as_it_is(
    transformed: Database, server: Server, tmp_path: Path
) -> None:
    spaces = [f"space_{transformed.dbname}_{number}" for number in (1, 2)]
    with server.connect() as admin:
        admin.execute("SET allow_in_place_tablespaces = on")
        for space in spaces:
            admin.execute(f"CREATE TABLESPACE {space} LOCATION ''")
        admin.execute(f"ALTER DATABASE {transformed.dbname} SET TABLESPACE {spaces[0]}")
        admin.execute(f"ALTER DATABASE {transformed.dbname} IS_TEMPLATE true")
    with transformed.connect() as conn:
        conn.execute(f"ALTER TABLE messages SET TABLESPACE {spaces[1]}")
    before, where = transformed.checksums(), "SELECT reltablespace FROM pg_class WHERE relname = 'messages'"
    assert drawn("snapshot").way.obstacle == ""
    copy = copied(transformed)
    try:
        assert copy.checksums() == before and copy.value(where) == transformed.value(where)
    finally:
        with server.connect() as admin:
            admin.execute(f"ALTER DATABASE {transformed.dbname} IS_TEMPLATE false")
            for name in (copy.dbname, transformed.dbname):
                admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
            for space in spaces:
                admin.execute(f"DROP TABLESPACE {space}")
