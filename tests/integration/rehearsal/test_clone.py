"""Production cloned to staging, each way: really dumped, really restored, on two servers and on one."""

from pathlib import Path

import pytest

from runbook.errors import CloneFailed
from runbook.rehearsing import cleaning, clone, masking, resting
from tests import rehearsal
from tests.databases import Database
from tests.rehearsal import STAGING, Stage
from tests.servers import Server

pytestmark = pytest.mark.pg("15", "18")

CHANGED = {
    "users",
    "subscriptions",
    "end_users",
    "email_credentials",
    "email_knowledge",
    "digital_twins",
    "knowledge_bases",
}
"""Tables with columns that are masked."""
WAYS = ("file", "stream", "dump", "template")
ENABLED = """
SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
 UNION SELECT evtname::text, evtenabled::text FROM pg_event_trigger ORDER BY 1
"""
NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())"
"""The next transaction that writes."""


def enabled(database: Database) -> list[tuple[str, str]]:
    with database.connect() as conn:
        return conn.execute(ENABLED).fetchall()


def given(stage: Stage, way: str) -> dict[str, object]:
    """Return the settings of a way; of a dump without production's address, which is thus not even asked."""
    if way != "dump":
        return {"rehearsal_way": way}
    path = stage.folder / "production.dump"
    assert stage.production.program("pg_dump", "-Fc", "-f", str(path)).returncode == 0
    return {"rehearsal_dump": path, "rehearsal_source": None}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("production", "other_server")
def test_the_clone_holds_what_production_holds_but_for_contacts(
    way: str, server: Server, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production: Database = request.getfixturevalue("production")
    where: Server = server if way == "template" else request.getfixturevalue("other_server")
    with rehearsal.staged(production, where, tmp_path, monkeypatch) as stage:
        whole(stage, way)


def whole(stage: Stage, way: str) -> None:
    """Clone, mask, take the name and clean up, and look at both databases in between."""
    before = stage.production.checksums()
    settings = stage.settings(**given(stage, way))
    xid = stage.production.value(NEXT)
    seen: list[tuple[str, int, int]] = []
    made = clone.make(settings, lambda *said: seen.append(said))
    if way != "template":
        assert stage.production.value(NEXT) == xid, "something was written on production's server"
        assert {step for step, _, _ in seen} == ({"dump", "restore"} if way == "file" else {"restore"})
    assert made.way == way and made.source == stage.production.dbname and made.bytes > 1_000_000 and made.why
    masked = masking.mask(settings, made)
    assert masked.rows > 40 and masked.tables >= 5
    rested = resting.take_name(settings, made)

    assert rested.resting == f"{STAGING}_resting"
    after = stage.staging.checksums()
    assert {name: rows for name, (rows, _) in after.items()} == {name: rows for name, (rows, _) in before.items()}
    assert {name for name in after if after[name] != before[name]} <= CHANGED | {"notes"}
    assert "users" in {name for name in after if after[name] != before[name]}
    assert stage.production.checksums() == before
    assert enabled(stage.staging) == enabled(stage.production)
    assert list((stage.folder / "backups").glob("*")) == [] if way != "dump" else True

    cleaned = cleaning.clean_up(settings)
    assert cleaned.dropped == [f"{STAGING}_incoming"] and cleaned.returned == STAGING
    assert stage.databases() == {STAGING: "the team's staging"}
    assert stage.staging.value("SELECT id FROM was_here") == 1
    again = cleaning.clean_up(settings)
    assert (again.dropped, again.removed, again.returned) == ([], [], "")


@pytest.mark.pg("18")
def test_a_role_that_is_no_superuser_clones_to_a_staging_of_its_own(
    database: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(database, other_server, tmp_path, monkeypatch) as stage:
        with other_server.connect() as admin:
            admin.execute("DROP ROLE IF EXISTS staging_user")
            admin.execute("CREATE ROLE staging_user LOGIN CREATEDB")
            admin.execute(f"ALTER DATABASE {STAGING} OWNER TO staging_user")
            admin.execute(f"GRANT CONNECT ON DATABASE {STAGING} TO pg_monitor")
            admin.execute(f"ALTER DATABASE {STAGING} SET work_mem = '7MB'")
        monkeypatch.setenv("PGUSER", "staging_user")
        kept = """
            SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
                   datdba::regrole::text, datconnlimit
              FROM pg_database WHERE datname = current_database()"""
        with stage.staging.connect() as conn:
            before = conn.execute(kept).fetchone()
        with pytest.raises(CloneFailed, match="create extension") as caught:
            clone.make(stage.settings())
        assert "trusted" in caught.value.remedy
        with database.connect() as conn:
            conn.execute("SET client_min_messages = 'error'")
            conn.execute("DROP EXTENSION vector CASCADE")
        stage.run()
        with stage.staging.connect() as conn:
            assert conn.execute(kept).fetchone() == before
            assert conn.execute("SHOW work_mem").fetchone() == ("7MB",)
            assert conn.execute("SELECT count(*) > 10 FROM users").fetchone() == (True,)
        cleaning.clean_up(stage.settings())
        assert stage.staging.value("SELECT id FROM was_here") == 1


def test_one_server_may_hold_both(
    database: Database, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(database, server, tmp_path, monkeypatch) as stage, database.connect() as user:
        before = database.checksums()
        stage.run(rehearsal_way="stream")
        assert user.execute("SELECT 1").fetchone() == (1,)
        assert database.checksums() == before
        cleaning.clean_up(stage.settings())
