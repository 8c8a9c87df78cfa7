"""The rehearsal, whole: production on one server, staging with its application on another, and nothing faked."""

import json
import os
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from prefect.client.schemas.objects import State

from flows.rehearsal import rehearsal
from runbook import settings
from runbook.rehearsing import history
from runbook.rehearsing.request import RehearsalRequest
from runbook.telling import sink
from tasks import authorise
from tests import application, servers
from tests import rehearsal as places
from tests.application import Application
from tests.databases import ALL, Database, Templates
from tests.rehearsal import STAGING
from tests.servers import Server

pytestmark = [
    pytest.mark.pg("18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
BEFORE = {"backend v2 works", "frontend v2 works"}


class Channel(HTTPServer):
    heard: list[dict[str, Any]]


class Listener(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Channel)
        self.server.heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def team(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """The team's real channel, and what it heard."""
    with Channel(("127.0.0.1", 0), Listener) as server:
        server.heard = []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.heard
        server.shutdown()


@pytest.fixture(scope="session")
def other(server: Server) -> Iterator[Server]:
    running = servers.start(server.version)
    yield running
    running.stop()


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
    other: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    team: list[dict[str, Any]],
) -> Iterator[Site]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(authorise, "POLL_SECONDS", 0.2)
    with templates.copy(forward=ALL) as production, places.staged(production, other, tmp_path, monkeypatch) as stage:
        with other.connect() as admin:
            admin.execute(f"DROP DATABASE {STAGING} WITH (FORCE)")
            admin.execute("DROP DATABASE IF EXISTS rollback_rehearsals")
        with Templates(other).copy(forward=ALL) as made, other.connect() as admin:
            admin.execute(f"CREATE DATABASE {STAGING} TEMPLATE {made.dbname}")
            admin.execute(f"COMMENT ON DATABASE {STAGING} IS 'the team''s staging'")
        monkeypatch.setenv("ROLLBACK_TARGET", "staging")
        monkeypatch.setenv("ROLLBACK_REHEARSAL_SOURCE", production.conninfo)
        monkeypatch.setenv("ROLLBACK_PG_BIN", str(other.folder))
        monkeypatch.setenv("ROLLBACK_BACKUP_DIR", str(tmp_path / "backups"))
        monkeypatch.setenv("ROLLBACK_REPORT_DIR", str(tmp_path / "reports"))
        with application.running(tmp_path, stage.staging, monkeypatch) as app:
            yield Site(production, stage.staging, app, tmp_path)
        with other.connect() as admin:
            admin.execute("DROP DATABASE IF EXISTS rollback_rehearsals WITH (FORCE)")


def rehearse(**request: Any) -> State[Any]:
    return rehearsal(RehearsalRequest(previous_tag="v1", **request), return_state=True)


def test_the_rollback_is_rehearsed_and_staging_is_as_it_was(
    site: Site, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    test = tmp_path / "test.sh"
    test.write_text("#!/bin/sh\ncat RELEASE && psql -Atc 'SELECT count(*) FROM digital_twins' >tested\n")
    test.chmod(0o755)
    monkeypatch.setenv("ROLLBACK_REHEARSAL_TEST", str(test))
    monkeypatch.setenv("PATH", f"{site.staging.server.folder}:{os.environ['PATH']}")
    with sink.mail(tmp_path / "production-mail") as port:  # what staging's settings say
        monkeypatch.setenv("ROLLBACK_SMTP_HOST", "127.0.0.1")
        monkeypatch.setenv("ROLLBACK_SMTP_PORT", str(port))
        monkeypatch.setenv("ROLLBACK_TEAM_URLS", f"mailto://127.0.0.1:{port}/?from=a@example.org&to=team@example.org")
        state = rehearse()
    assert state.is_completed(), state.message
    assert site.as_found()
    assert not list((tmp_path / "production-mail").glob("new/*"))
    [row] = site.rows()
    assert row["outcome"] == "done" and row["bytes"] > 1_000_000 and row["rows"] > 200, row
    assert 0 < row["transaction"] < row["outage"] < row["total"] and row["longest_lock"] > 0
    names = [name for name, _, _ in row["steps"]]
    assert names[:4] == ["clone production", "mask contacts", "assess", "authorise"]
    assert names[-2:] == ["test the application", "clean up"] and "back up" in names
    [folder] = (tmp_path / "reports").iterdir()
    messages = [path.read_text() for path in (folder / "messages" / "new").iterdir()]
    assert any("team@rehearsal.invalid" in text for text in messages)
    users = [text for text in messages if "team@rehearsal.invalid" not in text]
    assert len(users) > 10 and not [
        text for text in users if "@example." in text.partition("Subject")[0].partition("To:")[2]
    ]
    [report] = folder.glob("report-*.md")
    assert "A rehearsal answers itself" in report.read_text()
    assert "ROLLBACK_APPROVERS" not in os.environ
