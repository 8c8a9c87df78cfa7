"""A production and a staging for tests of the rehearsal: two servers, or one."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runbook.errors import CloneFailed, RehearsalRefused, SettingsInvalid
from runbook.rehearsing import clone, masking, resting
from runbook.rehearsing.clonedata import Clone
from runbook.settings import Settings
from tests.databases import Database
from tests.servers import Server

STAGING = "digitaltwin_staging"
MARKED = "the team's staging"
"""The comment of the staging database."""


@dataclass(frozen=True)
class Stage:
    """What a rehearsal works with."""

    production: Database
    staging: Database
    """The database that has staging's name, whichever that is."""
    folder: Path

    def settings(self, **words: Any) -> Settings:
        given = {
            "target": "staging",
            "rehearsal_source": self.production.conninfo,
            "backup_dir": self.folder / "backups",
            "pg_bin": self.staging.server.folder,
        }
        return Settings(**{**given, **words})

    def databases(self) -> dict[str, str | None]:
        """Return staging's databases of the rehearsal with their comments."""
        with self.staging.server.connect() as conn:
            found = conn.execute(
                "SELECT datname, shobj_description(oid, 'pg_database') FROM pg_database WHERE starts_with(datname, %s)",
                [STAGING],
            )
            return dict(found.fetchall())

    def run(self, **words: Any) -> Clone:
        """Clone, mask, and take staging's name."""
        settings = self.settings(**words)
        made = clone.make(settings)
        masking.mask(settings, made)
        resting.take_name(settings, made)
        return made


@contextmanager
def staged(production: Database, server: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Lend a staging database of its own on ``server``, to which libpq's environment leads."""
    for name, value in server.env(STAGING).items():
        monkeypatch.setenv(name, value)
    for name in [name for name in os.environ if name.startswith("ROLLBACK_")]:
        monkeypatch.delenv(name)
    stage = Stage(production, Database(server, STAGING), folder)
    try:
        with server.connect() as admin:
            _drop(stage)
            admin.execute(f"CREATE DATABASE {STAGING}")
            admin.execute(f"COMMENT ON DATABASE {STAGING} IS 'the team''s staging'")
        with stage.staging.connect() as conn:
            conn.execute("CREATE TABLE was_here AS SELECT 1 AS id")
        yield stage
    finally:
        _drop(stage)


def _drop(stage: Stage) -> None:
    with stage.staging.server.connect() as admin:
        for name in stage.databases():
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def refused(stage: Stage, *words: str, **settings: Any) -> None:
    """See that nothing is cloned, for this reason, and that nothing changed."""
    with pytest.raises((RehearsalRefused, CloneFailed, SettingsInvalid)) as caught:
        clone.make(stage.settings(**settings))
    assert [word for word in words if word not in str(caught.value)] == [], str(caught.value)
    assert caught.value.remedy and caught.value.state, str(caught.value)
    assert stage.databases().get(STAGING) == MARKED
    assert f"{STAGING}_resting" not in stage.databases()
