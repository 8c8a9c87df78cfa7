"""How a dump is compressed, by real programs; and the ends of its files, which pg_restore does not look at."""

import os
from pathlib import Path

import pytest

from runbook.safekeeping import compression, frames
from runbook.safekeeping.compression import METHODS
from tests import servers
from tests.databases import Database

pytestmark = pytest.mark.pg("17")  # the one server here whose programs know zstd and lz4


@pytest.fixture(params=[method.name for method in METHODS])
def files(request: pytest.FixtureRequest, database: Database, tmp_path: Path) -> list[Path]:
    """The files of a dump with one method: tables of no row, of a few, and of many that do not compress."""
    with database.connect() as conn:
        conn.execute("CREATE TABLE empty (); CREATE TABLE same AS SELECT repeat('x', 3000000) AS x")
        conn.execute("CREATE TABLE random AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 20000) g")
        conn.execute("SELECT lo_from_bytea(0, ''), lo_from_bytea(0, 'a')")
    folder = tmp_path / "dump"
    done = database.program("pg_dump", "-Fd", compression.option(request.param), "-f", str(folder))
    assert done.returncode == 0, done.stderr
    found = [file for file in folder.iterdir() if file.suffix in {".zst", ".lz4"}]
    assert len(found) > 20 and max(file.stat().st_size for file in found) > 1_000_000
    return found


def test_whole_files_are_walked_to_their_end(files: list[Path]) -> None:
    for file in files:
        frames.walk(file)


def test_a_file_that_lost_its_end_is_noticed_wherever_it_was_cut(files: list[Path]) -> None:
    for file in files:
        size = file.stat().st_size
        whole = file.read_bytes()
        # An empty large object has no byte at all: of one that lost all of its own only the checksum tells.
        least = 1 if file.name.startswith(frames.EMPTY) else 0
        for rest in {size - 1, size - 4, size // 2, size // 3, 7, 3, 0}:
            if least <= rest < size:
                os.truncate(file, rest)
                with pytest.raises(frames.CutError):
                    frames.walk(file)
                file.write_bytes(whole)


def test_a_file_that_goes_on_after_its_end_is_noticed(files: list[Path]) -> None:
    for file in [file for file in files if file.stat().st_size]:
        with file.open("ab") as more:
            more.write(b"more")
        with pytest.raises(frames.CutError):
            frames.walk(file)


@pytest.mark.usefixtures("server")
def test_a_method_must_be_known_to_both_programs(tmp_path: Path) -> None:
    many, few = servers.binaries("17"), servers.binaries("18")
    assert compression.best(many) == "zstd" and compression.best(few) == "gzip"
    for name, dump, restore in (("dump", many, few), ("restore", few, many), ("both", many, many)):
        folder = tmp_path / name
        folder.mkdir()
        for program, real in (("pg_dump", dump), ("pg_restore", restore)):
            (folder / program).write_text(f"#!/bin/sh\nexec '{real / program}' \"$@\"\n")
            (folder / program).chmod(0o755)
    found = {name: compression.best(tmp_path / name) for name in ("dump", "restore", "both")}
    assert found == {"dump": "gzip", "restore": "gzip", "both": "zstd"}
