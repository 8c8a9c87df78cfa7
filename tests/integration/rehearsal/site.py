"""Production on one server, staging with its application on another, and a channel of the team: all of it real."""

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from runbook import settings
from runbook.rehearsing import history, stagingmark
from tasks import authorise
from tests import application, servers
from tests import rehearsal as places
from tests.application import Application
from tests.databases import ALL, Database, Templates
from tests.integration.test_team import Channel, Listener
from tests.rehearsal import STAGING
from tests.servers import Server

BEFORE = {"backend v2 works", "frontend v2 works"}


@pytest.fixture
def listening() -> Iterator[Channel]:
    with Channel(("127.0.0.1", 0), Listener) as server:
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def team(listening: Channel) -> list[dict[str, Any]]:
    """What the team heard through its real channel."""
    return listening.heard


@pytest.fixture
def channel(listening: Channel) -> str:
    return f"json://127.0.0.1:{listening.server_port}/"


@pytest.fixture(scope="session")
def other(server: Server) -> Iterator[Server]:
    running = servers.start(server.version)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def elsewhere(other: Server) -> Templates:
    return Templates(other)


class Site:
    """Production, staging and its application, as a rehearsal meets them."""

    def __init__(self, production: Database, staging: Database, app: Application, folder: Path) -> None:
        self.production, self.staging, self.app, self.folder = production, staging, app, folder
        self.before = self.state()
        self.told = production.checksums()

    def state(self) -> dict[str, Any]:
        """Return what staging is: its data, its databases, its release."""
        with self.staging.server.connect() as admin:
            found = admin.execute(
                "SELECT datname, shobj_description(oid, 'pg_database'), datallowconn FROM pg_database"
                " WHERE starts_with(datname, %s) ORDER BY 1",
                [STAGING],
            ).fetchall()
        backups = self.folder / "backups"
        return {
            "data": application.without_writings(self.staging),
            "databases": found,
            "release": self.app.release(),
            "branch": (self.app.tree / ".git" / "HEAD").read_text(),
            "beside": sorted(path.name for path in self.app.tree.parent.glob("app.*")),
            "backups": sorted(path.name for path in backups.iterdir()) if backups.exists() else [],
        }

    def as_found(self) -> bool:
        """Tell whether staging is as it was, works, and production is untouched."""
        application._wait(self.app, BEFORE)
        assert self.state() == self.before | {"backups": []}
        assert self.production.checksums() == self.told
        return True

    def rows(self) -> list[dict[str, Any]]:
        with closing(history.read_only(settings.load())) as conn:
            return history.runs(conn, "staging")


@pytest.fixture
def site(
    templates: Templates,
    elsewhere: Templates,
    other: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(authorise, "POLL_SECONDS", 0.2)
    with templates.copy(forward=ALL) as production, places.staged(production, other, tmp_path, monkeypatch) as stage:
        with other.connect() as admin:
            admin.execute(f"DROP DATABASE {STAGING} WITH (FORCE)")
            admin.execute("DROP DATABASE IF EXISTS rollback_rehearsals")
        with elsewhere.copy(forward=ALL) as made, other.connect() as admin:
            admin.execute(f"CREATE DATABASE {STAGING} TEMPLATE {made.dbname}")
            admin.execute(f"COMMENT ON DATABASE {STAGING} IS 'the team''s staging'")
        monkeypatch.setenv("ROLLBACK_TARGET", "staging")
        monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", production.conninfo)
        monkeypatch.setenv("ROLLBACK_PG_BIN", str(other.folder))
        monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(tmp_path / "backups"))
        monkeypatch.setenv("ROLLBACK_REPORT_DIR", str(tmp_path / "reports"))
        stagingmark.make(settings.load(), STAGING)
        with application.running(tmp_path, stage.staging, monkeypatch) as app:
            yield Site(production, stage.staging, app, tmp_path)
        with other.connect() as admin:
            admin.execute("DROP DATABASE IF EXISTS rollback_rehearsals WITH (FORCE)")
