"""Fixtures of the rehearsal's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rehearsal
from tests.databases import Database
from tests.integration.rehearsal.hard import hard, production
from tests.integration.rehearsal.site import channel, elsewhere, listening, other, site, team
from tests.rehearsal import Stage
from tests.servers import Server

__all__ = ["channel", "elsewhere", "hard", "listening", "other", "production", "site", "team"]


@pytest.fixture
def stage(database: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Production and staging on two servers."""
    with rehearsal.staged(database, other_server, tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def beside(database: Database, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Both on one server."""
    with rehearsal.staged(database, server, tmp_path, monkeypatch) as made:
        yield made
