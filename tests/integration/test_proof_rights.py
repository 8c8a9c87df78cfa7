"""The proof of a backup by a role that may not do everything, and on a disk without room."""

import os
import re
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database
from runbook.errors import BackupFailed
from runbook.models import Identity
from runbook.safekeeping import backup, proof, serverdisk
from tests import proofs
from tests.databases import Database
from tests.proofs import ONE, Place


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with proofs.place(transformed, tmp_path, monkeypatch) as at:
        yield at


@pytest.fixture
def prover(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
    """A connection to the maintenance database of a role that is no superuser; it reads everything."""
    place.maintenance.execute("CREATE ROLE prover LOGIN; GRANT pg_read_all_data TO prover")
    monkeypatch.setenv("PGUSER", "prover")
    try:
        with database.connect("postgres") as conn:
            yield conn
    finally:
        place.maintenance.execute("DROP ROLE prover")


@pytest.mark.pg("15", "18")
def test_a_role_that_may_create_databases_proves_what_it_may_make(
    place: Place, prover: psycopg.Connection[Any]
) -> None:
    place.conn.execute("DROP SCHEMA IF EXISTS extensions CASCADE; DROP EXTENSION IF EXISTS vector CASCADE")
    place.maintenance.execute("ALTER ROLE prover CREATEDB")
    proved = proof.prove(place.settings, prover, place.take(), place.database.dbname)
    assert proved.tables > 20 and proved.rows > 200


# 15 has a stand-in for the extension, whose base type is a superuser's; 18 has the extension, which is not trusted.
@pytest.mark.pg("15", "18")
def test_what_only_a_superuser_may_make_is_named(place: Place, prover: psycopg.Connection[Any]) -> None:
    place.maintenance.execute("ALTER ROLE prover CREATEDB")
    taken = place.take()
    with pytest.raises(BackupFailed) as caught:
        proof.prove(place.settings, prover, taken, place.database.dbname)
    vector = "must be superuser|permission denied" if place.database.server.version == "15" else '"vector"'
    assert re.search(vector, caught.value.problem), caught.value
    assert "superuser" in caught.value.remedy


@ONE
def test_a_role_that_may_not_create_databases_is_told(place: Place, prover: psycopg.Connection[Any]) -> None:
    taken = place.take()
    with pytest.raises(BackupFailed, match="permission denied to create database") as caught:
        proof.prove(place.settings, prover, taken, place.database.dbname)
    assert "CREATEDB" in caught.value.remedy and caught.value.state.endswith("nothing is lost.")


@pytest.fixture
def full(place: Place) -> Iterator[str]:
    """A database whose own small disk has no room for a second one."""
    folder = Path(tempfile.mkdtemp(prefix="small-disk-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=36m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("no tmpfs can be mounted")
    owner = Path(place.database.server.host).stat().st_uid  # the server's own user
    os.chown(folder, owner, -1)
    place.conn.close()  # nobody may be in the template
    try:
        place.maintenance.execute(f"CREATE TABLESPACE small LOCATION '{folder}'")
        place.maintenance.execute(f"CREATE DATABASE full_disk TABLESPACE small TEMPLATE {place.database.dbname}")
        yield "full_disk"
        place.maintenance.execute("DROP DATABASE full_disk WITH (FORCE)")
        place.maintenance.execute("DROP TABLESPACE small")
    finally:
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()


@ONE
def test_a_disk_without_room_is_refused_before_and_said_where_nobody_could_look(
    place: Place, full: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.connect(full) as conn:
        conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 180000) g")
        monkeypatch.setenv("PGDATABASE", full)
        identity = Identity(1, full, conn.info.server_version)
        silent: dict[str, Any] = {"on_progress": lambda _: None, "on_started": lambda: None}
        taken = backup.take(place.settings, identity, monitor=conn, **silent)
    with pytest.raises(BackupFailed, match=r"The server's disk has [\d.]+ MB free"):
        proof.prove(place.settings, place.maintenance, taken, full)
    monkeypatch.setattr(serverdisk, "look", lambda _: None)  # as where the server is elsewhere
    with pytest.raises(BackupFailed, match=r"could not be proved.*No space left on device") as caught:
        proof.prove(place.settings, place.maintenance, taken, full)
    assert caught.value.remedy.startswith("Make room on the server")
