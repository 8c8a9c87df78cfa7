"""A way to the database that is wrong: what the operator is told, and what to do."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from runbook import database as door
from runbook.errors import WrongDatabase
from runbook.models import Identity
from runbook.planning import plan
from tests.acceptance.operator import REQUEST, Desk, desk
from tests.acceptance.wrong import BLOCKED, refused, role, text
from tests.databases import Database, Templates

pytestmark = pytest.mark.pg("18")
PASSWORD = "a password that nobody may see"


def test_the_way_to_the_database_is_wrong(at: Desk) -> None:
    for env, remedy in (
        ({"PGHOST": "/nowhere"}, "Check PGHOST and PGPORT"),
        ({"PGHOST": "127.0.0.1", "PGPORT": "9"}, "Check PGHOST and PGPORT"),
        ({"PGDATABASE": "nonsense"}, "Check PGDATABASE"),
        ({"PGSERVICE": "nonsense"}, "Check PGSERVICE"),
    ):
        refused(at.rollback("plan", *REQUEST, **env), remedy)
        refused(at.rollback("status", **env), remedy)
        refused(at.rollback("verify", **env), remedy)


def test_a_wrong_password(at: Desk, transformed: Database) -> None:
    folder = transformed.value("SHOW data_directory")
    with (
        role(transformed, f"PASSWORD '{PASSWORD}'") as name,
        hba(transformed, Path(folder), f"local all {name} scram-sha-256\n"),
    ):
        refused(at.rollback("plan", *REQUEST, PGUSER=name), "Give a password", "PGPASSFILE")
        wrong = at.rollback("plan", *REQUEST, PGUSER=name, PGPASSWORD="wrong")
        refused(wrong, "password authentication failed", "Check the password")
        passwords = at.folder / "pgpass"
        passwords.write_text(f"*:*:*:{name}:{PASSWORD}\n")
        passwords.chmod(0o600)
        right = at.rollback("plan", *REQUEST, PGUSER=name, PGPASSFILE=str(passwords))
        refused(right, "Missing right", status=BLOCKED)
        assert PASSWORD not in text(right)


@contextmanager
def hba(database: Database, folder: Path, line: str) -> Iterator[None]:
    """Put a line at the head of the server's pg_hba.conf for a while."""
    file = folder / "pg_hba.conf"
    kept = file.read_text()
    file.write_text(line + kept)
    database.value("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        file.write_text(kept)
        database.value("SELECT pg_reload_conf()")


def test_a_database_that_is_not_digitaltwins(templates: Templates, tmp_path: Path) -> None:
    with templates.copy(messages=None) as other:
        result = desk(other, tmp_path).rollback("plan", *REQUEST)
        refused(result, "is not DigitalTwin's database", "users", "Check PGDATABASE")


def test_a_server_that_is_too_old(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """No server older than 14 can be had here, so its number is a stand-in; all else is real."""
    real = door.identity

    def old(conn: psycopg.Connection) -> Identity:
        return replace(real(conn), server_version=130014)

    monkeypatch.setattr(door, "identity", old)
    with closing(transformed.connect()) as conn, pytest.raises(WrongDatabase, match="PostgreSQL 13; 14 or newer"):
        plan.recognise(conn)
