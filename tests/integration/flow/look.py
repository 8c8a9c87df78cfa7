"""What a run left in the database and on the disk."""

import stat
from pathlib import Path
from typing import Any

from runbook.schema import catalogue, endstate
from runbook.schema.endstate import Conditions
from tests.databases import Database
from tests.integration.test_team import Channel, channel, url  # noqa: F401

JOURNALS = "SELECT count(*) FROM pg_namespace WHERE nspname = 'rollback'"


def journal(database: Database) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return outcome and findings of each step of the last run."""
    with database.connect() as conn:
        steps = conn.execute("SELECT name, outcome, found FROM rollback.step ORDER BY id").fetchall()
    return {name: (outcome, found) for name, outcome, found in steps}


def drawn(database: Database) -> dict[str, Any]:
    """Return the plan of the last run."""
    plan: dict[str, Any] = database.value("SELECT plan FROM rollback.run ORDER BY started DESC LIMIT 1")
    return plan


def wrong(database: Database, **conditions: str) -> list[str]:
    """Return what is not the declared end state."""
    with database.connect() as conn:
        server = conn.info.server_version // 10000
        return endstate.compare(
            endstate.declared(Conditions(server, **{"bot_label": "assistant", **conditions})), catalogue.read(conn)
        )


def private(folder: Path) -> list[Path]:
    """Return the files of a folder, which nobody else may read."""
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = sorted(folder.iterdir())
    assert all(stat.S_IMODE(file.stat().st_mode) == (0o700 if file.is_dir() else 0o600) for file in files)
    return files
