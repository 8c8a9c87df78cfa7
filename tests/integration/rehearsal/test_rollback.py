"""The steps of a rehearsal as Prefect's tasks, with the real rollback on the clone in between."""

from pathlib import Path

import psycopg
import pytest
from prefect import flow

from runbook import settings
from runbook.rehearsing.cleaning import Cleaned
from tasks.clean_up import clean_up
from tasks.clone_production import clone_production
from tasks.mask_contacts import mask_contacts
from tests import rehearsal, runbook_runs
from tests.databases import Database
from tests.rehearsal import STAGING
from tests.servers import Server

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]


@flow
def steps(*, ends: bool) -> Cleaned | None:
    """Clone and mask, or clean up."""
    if ends:
        return clean_up(settings.load())
    made = clone_production(settings.load())
    masked, rested = mask_contacts(settings.load(), made)
    assert masked.rows and rested.resting
    return None


@pytest.mark.parametrize("backup", ["snapshot", "dump"])
def test_a_clone_is_rolled_back_and_all_of_it_goes(
    backup: str, transformed: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(transformed, other_server, tmp_path, monkeypatch) as stage:
        runbook_runs.aim(monkeypatch, stage.staging, tmp_path, target="staging")
        monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", transformed.conninfo)
        monkeypatch.setenv("ROLLBACK_SNAPSHOT_ROOM_GB", "10")
        before = transformed.checksums()
        steps(ends=False)

        state = runbook_runs.run(backup=backup)

        assert state.name == "Completed", state.message
        assert stage.staging.value("SELECT to_regclass('digital_twins') IS NOT NULL")
        copies = {name for name in stage.databases() if "_before_rollback_" in name}
        assert len(copies) == (1 if backup == "snapshot" else 0)
        assert any((tmp_path / "backups").iterdir())

        cleaned = steps(ends=True)
        assert cleaned

        assert set(cleaned.dropped) == copies | {f"{STAGING}_incoming"}
        assert set(stage.databases()) == {STAGING}
        assert list((tmp_path / "backups").iterdir()) == []
        assert transformed.checksums() == before
        with stage.staging.connect() as conn, pytest.raises(psycopg.errors.UndefinedTable):
            conn.execute("SELECT FROM users")
