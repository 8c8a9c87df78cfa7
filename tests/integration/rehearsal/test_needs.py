"""What production's server has and staging's lacks: passed over where it may be, else named beforehand."""

from collections.abc import Iterator

import pytest

from tests.databases import Database
from tests.rehearsal import Stage, refused

pytestmark = pytest.mark.pg("16")


@pytest.fixture
def space(database: Database) -> Iterator[str]:
    """A tablespace of production's server, in which its database and a table lie."""
    names = [f"space_{database.dbname}", f"more_{database.dbname}"]
    with database.server.connect() as admin:
        admin.execute("SET allow_in_place_tablespaces = on")
        for name in names:
            admin.execute(f"CREATE TABLESPACE {name} LOCATION ''")
        admin.execute(f"ALTER DATABASE {database.dbname} SET TABLESPACE {names[0]}")
        admin.execute(f"ALTER DATABASE {database.dbname} SET default_tablespace = {names[1]}")
    with database.connect() as conn:
        conn.execute(f"ALTER TABLE messages SET TABLESPACE {names[1]}")
        conn.execute("CREATE TABLE lies_there (id int PRIMARY KEY)")
    yield names[0]
    with database.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {database.dbname} RESET default_tablespace")
        admin.execute(f"DROP DATABASE {database.dbname} WITH (FORCE)")
        for name in names:
            admin.execute(f"DROP TABLESPACE {name}")


@pytest.fixture
def elsewhere(space: str, stage: Stage) -> Stage:
    return stage


@pytest.mark.parametrize("way", ["file", "stream"])
def test_a_production_in_a_tablespace_is_rehearsed(elsewhere: Stage, way: str) -> None:
    elsewhere.run(rehearsal_way=way)
    count = "SELECT count(*) FROM messages"
    assert elsewhere.staging.value(count) == elsewhere.production.value(count)
    assert elsewhere.staging.value("SELECT to_regclass('lies_there') IS NOT NULL")


def test_extensions_and_roles_that_staging_lacks_are_named_at_once(stage: Stage) -> None:
    role, mapped = (f"{kind}_{stage.production.dbname}" for kind in ("reader", "mapped"))
    with stage.production.connect() as conn:
        conn.execute(f"CREATE ROLE {role}; CREATE ROLE {mapped}")
        conn.execute(f"CREATE POLICY theirs ON messages TO {role} USING (true)")
        conn.execute("CREATE FOREIGN DATA WRAPPER far; CREATE SERVER there FOREIGN DATA WRAPPER far")
        conn.execute(f"CREATE USER MAPPING FOR {mapped} SERVER there OPTIONS (password 'hunter2')")
    try:
        refused(stage, f"the role {role}", "policy", "theirs on messages", "CREATE ROLE", rehearsal_way="file")
        refused(stage, f"the role {mapped}", "for server there", rehearsal_way="stream")
        with stage.production.connect() as conn:
            conn.execute("DROP POLICY theirs ON messages")
        stage.run(rehearsal_way="file")  # the mapping stays behind
        assert stage.staging.value("SELECT count(*) FROM pg_user_mappings") == 0
        with stage.production.connect() as conn:
            conn.execute(
                "SET allow_system_table_mods = on; UPDATE pg_extension SET extname = 'only_there'"
                " WHERE extname = 'plpgsql'"
            )
        refused_again(stage)
    finally:
        with stage.production.connect() as conn:
            conn.execute(f"DROP USER MAPPING FOR {mapped} SERVER there; DROP OWNED BY {role}, {mapped}")
            conn.execute(f"DROP ROLE {role}, {mapped}")


def refused_again(stage: Stage) -> None:
    """The clone of the rehearsal before is there; it goes first."""
    from runbook.rehearsing import cleaning

    cleaning.clean_up(stage.settings())
    refused(stage, "the extension only_there", "Install the extensions")
