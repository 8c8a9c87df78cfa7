"""Replication at the fence: what the plan says of it, who is cut off, and who comes back after."""

import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database, runs, settings
from runbook.barrier import fence, replication
from runbook.models import Plan
from runbook.planning import obstacles, plan, planpage
from runbook.request import RollbackRequest
from runbook.runs import Run
from tests import runbook_runs, servers, waiting
from tests.databases import ALL, Database, Templates
from tests.servers import Server

REQUEST = RollbackRequest.model_validate(runbook_runs.REQUEST)
ACTIVE = "SELECT active FROM pg_replication_slots WHERE slot_name = %s"


@pytest.fixture(scope="module")
def logical() -> Iterator[Server]:
    """A server of these tests' own: others run without logical replication."""
    running = servers.start("18", wal_level="logical", max_prepared_transactions="2", wal_retrieve_retry_interval="100")
    yield running
    running.stop()


@pytest.fixture(scope="module")
def copied(logical: Server) -> Templates:
    return Templates(logical)


@pytest.fixture
def replicated(copied: Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    with copied.copy(forward=ALL, messages=20) as copy:
        runbook_runs.aim(monkeypatch, copy, tmp_path)
        yield copy


@pytest.fixture
def admin(logical: Server) -> Iterator[psycopg.Connection[Any]]:
    with logical.connect() as conn:
        yield conn


def active(admin: psycopg.Connection[Any], slot: str) -> bool:
    return admin.execute(ACTIVE, [slot]).fetchone() == (True,)


def drawn() -> Plan:
    with closing(database.connect()) as conn:
        return plan.draw(conn, REQUEST, settings.load(), own=[conn.info.backend_pid])


def about(words: str) -> str:
    """Return the plan's warning that begins so."""
    found = [line for line in drawn().warnings if line.startswith(words)]
    assert len(found) == 1, found
    return found[0]


def copies(run: Run, database: Database) -> None:
    """Copy the database as a snapshot does, which PostgreSQL refuses while anybody else is connected."""
    run.side.close()
    run.work.execute(f"CREATE DATABASE {database.dbname}_copy TEMPLATE {database.dbname}")
    run.work.execute(f"DROP DATABASE {database.dbname}_copy")


@contextmanager
def reading(database: Database, output: Path) -> Iterator[None]:
    """Read a logical slot as change capture does: by PostgreSQL's own program, which connects anew when it must."""
    slot = ["--slot=capture", f"--dbname={database.dbname}"]
    made = database.program("pg_recvlogical", *slot, "--create-slot", "--plugin=pgoutput")
    assert made.returncode == 0, made.stderr
    options = ["--start", f"--file={output}", "--option=proto_version=1", "--option=publication_names=everything"]
    command = [database.server.bin("pg_recvlogical"), *slot, *options, "--fsync-interval=0"]
    reader = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        reader.terminate()
        reader.wait()
        database.program("pg_recvlogical", *slot, "--drop-slot")


def test_a_slots_reader_is_named_cut_off_and_comes_back(
    replicated: Database, admin: psycopg.Connection[Any], tmp_path: Path
) -> None:
    with replicated.connect() as conn:
        conn.execute("CREATE PUBLICATION everything FOR TABLE messages")
    output = tmp_path / "changes"
    with reading(replicated, output):
        waiting.until(lambda: active(admin, "capture"))
        assert "(pgoutput) is read by pg_recvlogical from local, who is cut off" in about(
            "Logical replication slot capture"
        )
        assert "(1 table(s))" in about("Publication everything")
        page = planpage.plan_markdown(drawn(), REQUEST, drawn().drawn_at)
        assert "| pg_recvlogical | postgres | local | 1 | reads a replication slot: cut off" in page

        with runs.opened(REQUEST, settings.load()) as run:
            ended = fence.close(run.gate, run.side, run.pids, grace=20)
            assert [(s.application, s.fate) for s in ended] == [("pg_recvlogical", "idle")]
            assert not active(admin, "capture")
            assert "has no reader now" in plan_warning(run, "Logical replication slot capture")
            copies(run, replicated)
            fence.open_for_good(run.gate, replicated.dbname)

        waiting.until(lambda: active(admin, "capture"))
        with replicated.connect() as conn:
            conn.execute("UPDATE messages SET content = 'after the fence'")
        waiting.until(lambda: b"after the fence" in output.read_bytes())


def plan_warning(run: Run, words: str) -> str:
    lines = plan.draw(run.side, REQUEST, settings.load(), own=run.pids).warnings
    return next(line for line in lines if line.startswith(words))


@pytest.fixture
def subscribed(replicated: Database, logical: Server, admin: psycopg.Connection[Any]) -> Iterator[Database]:
    """The database with a subscription to another one, whose worker is at work."""
    admin.execute("CREATE DATABASE publisher")
    with logical.connect("publisher") as there, replicated.connect() as here:
        there.execute("CREATE TABLE news (id int PRIMARY KEY)")
        there.execute("CREATE PUBLICATION news FOR TABLE news")
        there.execute("SELECT pg_create_logical_replication_slot('news', 'pgoutput')")
        here.execute("CREATE TABLE news (id int PRIMARY KEY)")
        here.execute(
            f"CREATE SUBSCRIPTION news CONNECTION 'host={logical.host} user=postgres dbname=publisher' "
            "PUBLICATION news WITH (create_slot = false, slot_name = 'news', copy_data = false)"
        )
    yield replicated
    with replicated.connect() as here:
        here.execute("ALTER SUBSCRIPTION news DISABLE")
        here.execute("ALTER SUBSCRIPTION news SET (slot_name = NONE)")
        here.execute("DROP SUBSCRIPTION news")
    waiting.until(lambda: not active(admin, "news"))
    admin.execute("SELECT pg_drop_replication_slot('news')")
    admin.execute("DROP DATABASE publisher WITH (FORCE)")


def test_a_subscriptions_worker_is_kept_out_and_comes_back(
    subscribed: Database, logical: Server, admin: psycopg.Connection[Any]
) -> None:
    waiting.until(lambda: active(admin, "news"))
    assert "ALTER SUBSCRIPTION news DISABLE" in about("Subscription news writes into this database.")
    with runs.opened(REQUEST, settings.load()) as run:
        ended = fence.close(run.gate, run.side, run.pids, grace=20)
        assert [s.kind for s in ended] == ["logical replication apply worker"]
        with logical.connect("publisher") as there:
            there.execute("INSERT INTO news VALUES (1)")
        copies(run, subscribed)  # though the server starts its worker again and again
        assert run.work.execute("SELECT count(*) FROM news").fetchone() == (0,)
        fence.open_for_good(run.gate, subscribed.dbname)
    waiting.until(lambda: subscribed.value("SELECT count(*) FROM news") == 1)


def test_a_role_that_may_not_end_a_slots_reader_is_told_before(
    replicated: Database, admin: psycopg.Connection[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with replicated.connect() as conn:
        conn.execute("CREATE PUBLICATION everything FOR TABLE messages")
    with reading(replicated, tmp_path / "changes"):
        waiting.until(lambda: active(admin, "capture"))
        admin.execute("CREATE ROLE weak LOGIN")
        try:
            with monkeypatch.context() as as_weak:
                as_weak.setenv("PGUSER", "weak")
                with closing(database.connect()) as conn:
                    lacking, said = obstacles.rights(conn), replication.warnings(conn)
        finally:
            admin.execute("DROP ROLE weak")
    assert [line for line in lacking if "superuser (to end pg_recvlogical" in line]
    assert [line for line in said if "is read by pg_recvlogical from where this role may not see" in line]


def test_a_prepared_transaction_blocks_and_is_explained(replicated: Database) -> None:
    with replicated.connect() as conn:
        conn.execute("BEGIN")
        conn.execute("UPDATE users SET is_active = is_active")
        conn.execute("PREPARE TRANSACTION 'left behind'")
    try:
        found = [line for line in drawn().blockers if "ROLLBACK PREPARED 'left behind'" in line]
        assert len(found) == 1
        assert "the fence cannot end it" in found[0]
    finally:
        with replicated.connect() as conn:
            conn.execute("ROLLBACK PREPARED 'left behind'")
    assert not [line for line in drawn().blockers if "Prepared" in line]
