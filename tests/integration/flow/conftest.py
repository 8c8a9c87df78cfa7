"""Fixtures of whole runs: where they lead, and who hears of them."""

import mailbox
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

from runbook.demo import world
from tests import runbook_runs
from tests.databases import Database
from tests.integration.test_team import Channel, channel, url

__all__ = ["channel"]


@pytest.fixture
def aim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Database], Database]:
    """Return a function that points the run at a database."""

    def at(database: Database) -> Database:
        runbook_runs.aim(monkeypatch, database, tmp_path)
        return database

    return at


@pytest.fixture
def mails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[mailbox.Maildir]:
    """Run a mail server that keeps what it gets, and point the run at it."""
    port = world.free_port()
    controller = Controller(Mailbox(tmp_path / "mails"), hostname="127.0.0.1", port=port)
    controller.start()
    monkeypatch.setenv("ROLLBACK_SMTP_HOST", "127.0.0.1")
    monkeypatch.setenv("ROLLBACK_SMTP_PORT", str(port))
    monkeypatch.setenv("ROLLBACK_MAIL_FROM", "DigitalTwin <noreply@dt.example>")
    yield mailbox.Maildir(tmp_path / "mails")
    controller.stop()


@pytest.fixture
def team(channel: Channel, monkeypatch: pytest.MonkeyPatch) -> Channel:
    """Point the run at the team's channel."""
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", url(channel))
    return channel
