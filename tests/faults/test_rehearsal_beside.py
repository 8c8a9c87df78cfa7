"""A rehearsal beside others at staging, and after hands that moved its databases: all ends where it began."""

from pathlib import Path

import psycopg
import pytest

import sql
from runbook.errors import CloneFailed, SecondRunner
from runbook.rehearsing import cleaning, clone, resting
from tests import rehearsal
from tests.databases import Database
from tests.rehearsal import STAGING, Stage
from tests.servers import Server

pytestmark = pytest.mark.pg("18")


def test_two_rehearsals_do_not_meet(stage: Stage) -> None:
    def again(step: str, size: int, of: int) -> None:
        clone.make(stage.settings())

    with pytest.raises(SecondRunner, match="Another rehearsal"):
        clone.make(stage.settings(), again)


def test_no_clone_is_dropped_under_a_rollback(stage: Stage) -> None:
    stage.run()
    before = stage.databases()
    with stage.staging.connect() as runner:
        runner.execute(sql.query("lock_runner").encode())
        for call in (cleaning.clean_up, clone.make):
            with pytest.raises(SecondRunner, match="A rollback is at work"):
                call(stage.settings())
    assert stage.databases() == before
    cleaning.clean_up(stage.settings())


def test_who_stays_in_staging_is_ended_and_comes_back_to_the_clone(stage: Stage) -> None:
    with stage.staging.connect() as user:
        user.execute("SELECT 1")
        stage.run()
        with pytest.raises(psycopg.OperationalError):
            user.execute("SELECT 1")
    with stage.staging.connect() as user:
        assert user.execute("SELECT count(*) > 0 FROM users").fetchone() == (True,)
        cleaning.clean_up(stage.settings())


def test_what_a_rollback_of_the_clone_made_is_cleaned_by_its_journal(stage: Stage) -> None:
    """Copies and files that the journal names go, with a fence left closed; what is only called so stays."""
    settings = stage.settings()
    stage.run()
    known, unknown = (f"{STAGING}_before_rollback_20261123_0{n}0000" for n in (1, 2))
    dump, way_back, strange = (settings.backup_dir / name for name in ("b.dump", "go_back.sql", "c.dump"))
    settings.backup_dir.mkdir(exist_ok=True)
    dump.mkdir()
    for file in (dump / "toc.dat", dump.with_name("b.dump.sha256"), way_back, strange):
        file.write_text("x")
    with stage.staging.connect() as conn:
        conn.execute(sql.read("journal/schema.sql").encode())
        conn.execute(
            "INSERT INTO rollback.run (id, incident, target, request, plan, plan_hash, started)"
            " VALUES (gen_random_uuid(), 'R', 'staging', '{}', '{}', '', now())"
        )
        for found in (
            {"copy": known, "way_back": str(way_back)},
            {"path": str(dump)},
            {"path": "/dev/null", "copy": stage.production.dbname},
        ):
            conn.execute(
                "INSERT INTO rollback.step (run_id, name, started, outcome, found)"
                " SELECT id, 'back up', now(), 'done', %s FROM rollback.run",
                [psycopg.types.json.Jsonb(found)],
            )
    with stage.staging.server.connect() as admin:
        for name in (known, unknown, stage.production.dbname):
            admin.execute(f"CREATE DATABASE {name} ALLOW_CONNECTIONS false")
        admin.execute(f"ALTER DATABASE {STAGING} ALLOW_CONNECTIONS false")
    cleaned = cleaning.clean_up(settings)
    with stage.staging.server.connect() as admin:
        for name in (unknown, stage.production.dbname):
            admin.execute(f"DROP DATABASE {name}")  # it is there
    assert cleaned.dropped == [known, f"{STAGING}_incoming"]
    assert sorted(cleaned.removed) == sorted(map(str, (way_back, dump, dump.with_name("b.dump.sha256"))))
    assert list(settings.backup_dir.iterdir()) == [strange]


def test_staging_that_was_not_there_is_not_there_afterwards(
    transformed: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(transformed, other_server, tmp_path, monkeypatch) as stage:
        with other_server.connect() as admin:
            admin.execute(f"DROP DATABASE {STAGING}")
        stage.run()
        assert set(stage.databases()) == {STAGING}
        assert cleaning.clean_up(stage.settings()).returned == ""
        assert stage.databases() == {}


def test_a_staging_put_aside_by_hand_comes_back(stage: Stage) -> None:
    stage.run()
    with stage.staging.server.connect() as admin:
        admin.execute(f"DROP DATABASE {STAGING} WITH (FORCE)")
    assert cleaning.clean_up(stage.settings()).returned == STAGING


def test_names_that_were_given_back_by_hand_are_understood(stage: Stage) -> None:
    stage.run()
    with stage.staging.server.connect() as admin:
        admin.execute(f"ALTER DATABASE {STAGING} RENAME TO {STAGING}_looked_at")
        admin.execute(f"ALTER DATABASE {STAGING}_resting RENAME TO {STAGING}")
    assert cleaning.clean_up(stage.settings()).dropped == [f"{STAGING}_looked_at"]


def test_who_cannot_be_ended_is_told_of(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    with stage.production.connect() as conn:
        conn.execute("SET client_min_messages = 'error'")
        conn.execute("DROP EXTENSION vector CASCADE")  # only a superuser makes it
    with stage.staging.server.connect() as admin:
        admin.execute("DROP ROLE IF EXISTS staging_user")
        admin.execute("CREATE ROLE staging_user LOGIN CREATEDB")
        admin.execute(f"ALTER DATABASE {STAGING} OWNER TO staging_user")
    monkeypatch.setattr(resting, "ATTEMPTS", 1)
    monkeypatch.setenv("PGUSER", "staging_user")
    with stage.staging.connect() as superuser:
        with pytest.raises(CloneFailed, match="stays connected") as caught:
            stage.run()
        assert "pg_signal_backend" in caught.value.remedy
        assert superuser.execute("SELECT id FROM was_here").fetchone() == (1,)
    cleaning.clean_up(stage.settings())
