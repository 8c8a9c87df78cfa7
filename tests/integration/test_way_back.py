"""The commands that a report names bring a dump back: run as they stand, in a shell, against a real PostgreSQL."""

import os
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

from runbook.safekeeping import checksums
from runbook.safekeeping.kept import Backup
from runbook.safekeeping.wayback import restore_commands
from tests.servers import Server

pytestmark = pytest.mark.pg("16", "18")

NAME = 'digital "twin'
COPY = "digital copy"


@pytest.fixture
def here(server: Server) -> Iterator[dict[str, str]]:
    """Return the environment with which a shell finds the server and its programs; drop what was made in the end."""
    yield os.environ | server.env() | {"PATH": f"{server.folder}{os.pathsep}{os.environ['PATH']}"}
    with server.connect() as admin:
        for name in (NAME, COPY, f"{NAME}_rolled_back"):
            admin.execute(sql.SQL("DROP DATABASE IF EXISTS {}").format(sql.Identifier(name)))


def run(here: dict[str, str], command: str) -> str:
    return subprocess.run(["sh", "-ec", command], env=here, check=True, capture_output=True, text=True).stdout


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def dumped(here: dict[str, str], name: str, folder: Path) -> Backup:
    """Take a dump as the runbook does, and write its checksums."""
    folder.parent.mkdir(exist_ok=True)
    subprocess.run(["pg_dump", "-Fd", "-j", "2", "-d", name, "-f", folder], env=here, check=True)
    sha256 = checksums.write(folder, {file.name: checksums.checksum(file) for file in folder.iterdir()})
    return Backup(str(folder), 1000, sha256, 1, 0.1, database=name)


def test_the_dump_comes_back_under_its_name_with_what_belongs_to_it(here: dict[str, str], tmp_path: Path) -> None:
    name = quoted(NAME)
    run(here, f"psql -d postgres -c 'CREATE DATABASE {name}'")
    run(here, f"psql -d postgres -c 'ALTER DATABASE {name} SET search_path = public, extensions'")
    run(here, f"psql -d '{NAME}' -c 'CREATE TABLE knowledge_bases AS SELECT generate_series(1, 1000) AS id'")
    backup = dumped(here, NAME, tmp_path / "it's a folder" / "it's a dump.dump")
    run(here, f"psql -d '{NAME}' -c 'DROP TABLE knowledge_bases'")
    for command in restore_commands(backup, NAME):
        run(here, command)
    assert run(here, f"psql -d '{NAME}' -Atc 'SELECT count(*) FROM knowledge_bases'") == "1000\n"
    assert run(here, f"psql -d '{NAME}' -Atc 'SHOW search_path'") == "public, extensions\n"
    assert run(here, f"psql -d '{NAME}_rolled_back' -Atc \"SELECT to_regclass('knowledge_bases') IS NULL\"") == "t\n"


def test_a_dump_of_the_copy_comes_back_under_the_first_name(here: dict[str, str], tmp_path: Path) -> None:
    for name in (NAME, COPY):
        run(here, f"psql -d postgres -c {shlex.quote(f'CREATE DATABASE {quoted(name)}')}")
    run(here, f"psql -d '{COPY}' -c 'CREATE TABLE knowledge_bases AS SELECT generate_series(1, 1000) AS id'")
    backup = dumped(here, COPY, tmp_path / "copy.dump")
    run(here, f"psql -d postgres -c {shlex.quote(f'DROP DATABASE {quoted(COPY)}')}")
    for command in restore_commands(backup, NAME):
        run(here, command)
    assert run(here, f"psql -d '{NAME}' -Atc 'SELECT count(*) FROM knowledge_bases'") == "1000\n"
    names = run(here, "psql -d postgres -Atc \"SELECT datname FROM pg_database WHERE datname LIKE 'digital %'\"")
    assert sorted(names.splitlines()) == [NAME, f"{NAME}_rolled_back"]


@pytest.mark.parametrize("damaged", ["toc.dat", "the list"])
def test_a_damaged_dump_stops_before_anything_is_renamed(here: dict[str, str], tmp_path: Path, damaged: str) -> None:
    dump = tmp_path / "damaged.dump"
    dump.mkdir()
    (dump / "toc.dat").write_bytes(b"whole")
    sha256 = checksums.write(dump, {"toc.dat": checksums.checksum(dump / "toc.dat")})
    first, second, *_ = restore_commands(Backup(str(dump), 7, sha256, 1, 0.1), NAME)
    run(here, first)
    run(here, second)
    broken = checksums.sidecar(dump) if damaged == "the list" else dump / damaged
    broken.write_bytes(b"damaged")
    with pytest.raises(subprocess.CalledProcessError):
        run(here, first if damaged == "the list" else second)
