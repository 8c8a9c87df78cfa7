"""The commands that a report names bring a dump back: run as they stand, in a shell, against a real PostgreSQL."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from runbook.models import Backup
from runbook.wayback import restore_commands
from tests.servers import Server

pytestmark = pytest.mark.pg("16", "18")

NAME = 'digital "twin'


@pytest.fixture
def here(server: Server) -> Iterator[dict[str, str]]:
    """Return the environment with which a shell finds the server and its programs; drop what was made in the end."""
    yield os.environ | server.env() | {"PATH": f"{server.folder}{os.pathsep}{os.environ['PATH']}"}
    with server.connect() as admin:
        for name in (NAME, f"{NAME}_rolled_back"):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def run(here: dict[str, str], command: str) -> str:
    return subprocess.run(["sh", "-ec", command], env=here, check=True, capture_output=True, text=True).stdout


def test_the_dump_comes_back_under_its_name_with_what_belongs_to_it(here: dict[str, str], tmp_path: Path) -> None:
    quoted = '"digital ""twin"'
    run(here, f"psql -d postgres -c 'CREATE DATABASE {quoted}'")
    run(here, f"psql -d postgres -c 'ALTER DATABASE {quoted} SET search_path = public, extensions'")
    run(here, f"psql -d '{NAME}' -c 'CREATE TABLE knowledge_bases AS SELECT generate_series(1, 1000) AS id'")
    dump = tmp_path / "it's a dump.dump"
    subprocess.run(["pg_dump", "-Fc", "-d", NAME, "-f", dump], env=here, check=True)
    run(here, f"psql -d '{NAME}' -c 'DROP TABLE knowledge_bases'")
    backup = Backup(str(dump), dump.stat().st_size, hashlib.sha256(dump.read_bytes()).hexdigest(), 1, 0.1)
    for command in restore_commands(backup, NAME):
        run(here, command)
    assert run(here, f"psql -d '{NAME}' -Atc 'SELECT count(*) FROM knowledge_bases'") == "1000\n"
    assert run(here, f"psql -d '{NAME}' -Atc 'SHOW search_path'") == "public, extensions\n"
    assert run(here, f"psql -d '{NAME}_rolled_back' -Atc \"SELECT to_regclass('knowledge_bases') IS NULL\"") == "t\n"


def test_a_damaged_dump_stops_before_anything_is_renamed(here: dict[str, str], tmp_path: Path) -> None:
    dump = tmp_path / "damaged.dump"
    dump.write_bytes(b"damaged")
    first, *_ = restore_commands(Backup(str(dump), 7, "0" * 64, 1, 0.1), NAME)
    with pytest.raises(subprocess.CalledProcessError):
        run(here, first)
