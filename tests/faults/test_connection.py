"""A lost connection, inside the transaction and at its COMMIT: the run knows which side of it it is on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.schema import catalogue
from tests import application, proxies, runbook_runs
from tests.application import Application
from tests.databases import Database
from tests.faults.test_transaction import ON_OBJECT

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

ITSELF = "PERFORM pg_terminate_backend(pg_backend_pid());"
THE_OTHER = """
    PERFORM pg_terminate_backend(pid) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid();
    PERFORM pg_sleep(0.3);
"""


@pytest.fixture
def deployed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Application]:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    with application.running(tmp_path, transformed, monkeypatch) as running:
        yield running


@pytest.mark.parametrize(
    ("victim", "backup"),
    [(ITSELF, "snapshot"), (ITSELF, "dump"), (THE_OTHER, "dump")],
    ids=["the only one", "work", "side"],
)
def test_a_connection_ended_in_the_transaction_is_compensated(
    victim: str, backup: str, transformed: Database, deployed: Application
) -> None:
    with transformed.connect() as conn:
        conn.execute(ON_OBJECT.format(object="public.digital_twins", act=victim))
        schema = catalogue.read(conn)
    rows = application.without_writings(transformed)

    state = runbook_runs.run(previous_tag="v1", backup=backup)

    assert state.name == "Failed"
    assert "State: The database is as it was before" in str(state.message)
    with transformed.connect() as conn:
        assert catalogue.read(conn) == schema
    assert application.without_writings(transformed) == rows
    assert deployed.answers() == {"backend v2 works", "frontend v2 works"}
    assert transformed.value("SELECT outcome FROM rollback.run") == "failed"
    assert transformed.column("SELECT name FROM rollback.step WHERE outcome = 'running'") == []


@pytest.mark.parametrize("when", ["before", "after", "meanwhile"])
def test_a_connection_lost_at_the_commit(
    when: proxies.When, transformed: Database, deployed: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = application.without_writings(transformed)
    with proxies.before(transformed.server, when) as port:
        monkeypatch.setenv("PGHOST", "127.0.0.1")
        monkeypatch.setenv("PGPORT", str(port))
        state = runbook_runs.run(previous_tag="v1")
        answers = deployed.answers()
    monkeypatch.setenv("PGHOST", transformed.server.host)
    monkeypatch.setenv("PGPORT", transformed.server.port)

    assert state.name == "Failed"
    runs = transformed.value("SELECT count(*) FROM rollback.run")
    assert runs == 1
    if transformed.value("SELECT to_regclass('digital_twins') IS NULL"):
        assert when != "after"
        assert "State: The database is as it was before" in str(state.message)
        assert application.without_writings(transformed) == rows
        assert answers == {"backend v2 works", "frontend v2 works"}
    else:
        assert when != "before"
        assert "State: The database is rolled back; the services are stopped" in str(state.message)
        assert transformed.value("SELECT outcome FROM rollback.step WHERE name = 'verify the schema'") == "done"
        again = runbook_runs.run(silent=True, previous_tag="v1")
        assert again.is_completed(), again.message
        assert deployed.answers() == {"backend v1 works", "frontend v1 works"}
        assert transformed.column("SELECT outcome FROM rollback.run") == ["done"]
