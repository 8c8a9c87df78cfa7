"""The rehearsal leaves what is not its own alone, and refuses what it cannot clone."""

from pathlib import Path

import pytest

from runbook.errors import RehearsalRefused
from runbook.rehearsing import cleaning, clone, marks
from tests import rehearsal, servers
from tests.databases import Database
from tests.rehearsal import MARKED, STAGING, Stage

pytestmark = pytest.mark.pg("18")


@pytest.mark.parametrize("suffix", ["_incoming", "_resting"])
def test_a_stranger_is_left_alone(stage: Stage, suffix: str) -> None:
    with stage.staging.server.connect() as admin:
        admin.execute(f"CREATE DATABASE {STAGING}{suffix}")
        admin.execute(f"COMMENT ON DATABASE {STAGING}{suffix} IS 'mine'")
    with pytest.raises(RehearsalRefused, match="no rehearsal made"):
        clone.make(stage.settings())
    with pytest.raises(RehearsalRefused, match="no rehearsal made"):
        cleaning.clean_up(stage.settings())
    assert stage.databases() == {STAGING: MARKED, f"{STAGING}{suffix}": "mine"}


def test_a_stranger_in_stagings_place_is_left_alone(stage: Stage) -> None:
    stage.run()
    with stage.staging.server.connect() as admin:
        admin.execute(f"DROP DATABASE {STAGING} WITH (FORCE)")
        admin.execute(f"CREATE DATABASE {STAGING}")
    before = stage.databases()
    with pytest.raises(RehearsalRefused, match="put aside"):
        cleaning.clean_up(stage.settings())
    assert stage.databases() == before and before[STAGING] is None


def test_a_dump_of_the_same_name_needs_productions_address(stage: Stage) -> None:
    """Nothing else would show that the database of that name is not production."""
    path = stage.folder / "some.dump"
    for name in (STAGING, f"{STAGING}_before_rollback_20261120_120000"):
        with stage.production.server.connect() as admin:
            admin.execute(f"CREATE DATABASE {name} TEMPLATE {stage.production.dbname}")
        dumped = stage.production.program("pg_dump", "-Fc", "-f", str(path), "-d", name)
        with stage.production.server.connect() as admin:
            admin.execute(f"DROP DATABASE {name}")
        assert dumped.returncode == 0, dumped.stderr
        rehearsal.refused(stage, "ROLLBACK_REHEARSAL_SOURCE", rehearsal_source=None, rehearsal_dump=path)
    assert clone.make(stage.settings(rehearsal_dump=path)).way == "dump"
    cleaning.clean_up(stage.settings())


def test_a_dump_alone_needs_somebodys_word_that_staging_is_staging(stage: Stage) -> None:
    path = stage.folder / "some.dump"
    assert stage.production.program("pg_dump", "-Fc", "-f", str(path)).returncode == 0
    with stage.staging.server.connect() as admin:
        admin.execute(f"COMMENT ON DATABASE {STAGING} IS NULL")
        with pytest.raises(RehearsalRefused, match="COMMENT ON DATABASE"):
            clone.make(stage.settings(rehearsal_source=None, rehearsal_dump=path))
        admin.execute(f"COMMENT ON DATABASE {STAGING} IS 'Staging'")
    assert stage.run(rehearsal_source=None, rehearsal_dump=path).way == "dump"
    cleaning.clean_up(stage.settings())
    assert stage.databases() == {STAGING: "Staging"}


def test_what_is_no_dump_is_refused(stage: Stage) -> None:
    path = stage.folder / "plain.sql"
    path.write_text("SELECT 1;\n")
    rehearsal.refused(stage, "cannot be read", "custom, directory or tar", rehearsal_dump=path)
    rehearsal.refused(stage, "no dump is named", rehearsal_way="dump", rehearsal_dump=None)


def test_a_copy_needs_one_server_and_nobody_in_production(stage: Stage, database: Database) -> None:
    rehearsal.refused(stage, "another server", rehearsal_way="template")


def test_users_of_production_are_not_disturbed_by_a_copy(beside: Stage) -> None:
    with beside.production.connect() as user:
        user.execute("SET application_name = 'backend'")
        rehearsal.refused(beside, "1 session", "backend", rehearsal_way="template")
        assert user.execute("SELECT 1").fetchone() == (1,)


def test_an_older_staging_is_refused(database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = servers.start("16")
    try:
        with rehearsal.staged(database, older, tmp_path, monkeypatch) as stage:
            rehearsal.refused(stage, "PostgreSQL 18", "staging on 16")
    finally:
        older.stop()


def test_a_mark_is_read_back_and_nothing_else_is_one(stage: Stage) -> None:
    mark = marks.Mark("raw", STAGING, "1", {"system_identifier": 1, "database": "d", "oid": 2}, ("a",), "it's")
    with stage.staging.server.connect() as gate:
        marks.put(gate, STAGING, mark)
        found = marks.find(gate, STAGING)
        assert found and found.mark == mark and found.ours
        for text in (
            None,
            "",
            "{}",
            "[]",
            '{"rollback rehearsal": {}}',
            '{"rollback rehearsal": 1}',
            "rollback rehearsal",
        ):
            marks.write(gate, STAGING, text)
            found = marks.find(gate, STAGING)
            assert found and found.mark is None and not found.ours
