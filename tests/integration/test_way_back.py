"""The commands that a report names bring a dump back: run as they stand, in a shell, against a real PostgreSQL."""

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from psycopg import sql

import sql as scripts
from runbook.errors import BackupFailed, ProgramMissing
from runbook.models import Identity
from runbook.safekeeping import backup, checksums, naming, programs, snapshot
from runbook.safekeeping.kept import Backup
from runbook.safekeeping.programs import Found
from runbook.safekeeping.snapshot import Snapshot
from runbook.safekeeping.wayback import go_back_command, restore_commands, restoring
from runbook.settings import Settings
from tests import servers
from tests.databases import ALL, Database, Templates
from tests.servers import Server

ONE = pytest.mark.pg("16")
NAME = 'it\'s "odd"/a=b -c\\d $e {f} %g'
COPY = "a copy"
CREATE_COPY = sql.SQL("CREATE DATABASE {} TEMPLATE {} ALLOW_CONNECTIONS false")


@pytest.fixture
def odd(server: Server, templates: Templates, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A transformed database with a name that needs quoting everywhere; libpq's environment leads to it."""
    with templates.copy(forward=ALL) as copy:
        _admin(server, "ALTER DATABASE {} RENAME TO {}", copy.dbname, NAME)
        _admin(server, "ALTER DATABASE {} SET search_path = public, extensions", NAME)
        for name, value in server.env(NAME).items():
            monkeypatch.setenv(name, value)
        try:
            yield Database(server, NAME)
        finally:
            for name in (NAME, COPY, f"{NAME}_rolled_back"):
                _admin(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _admin(server: Server, statement: str, *names: str) -> None:
    with server.connect() as admin:
        admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _names(server: Server) -> list[str]:
    with server.connect() as admin:
        found = admin.execute("SELECT datname FROM pg_database WHERE datname ~ '^(it''s|a copy|rolled_back_)'")
        return sorted(row[0] for row in found)


def _taken(odd: Database, folder: Path, pg_bin: Path | None = None, **more: Any) -> Backup:
    with odd.server.connect() as monitor:
        identity = Identity(1, NAME, monitor.info.server_version)
        return backup.take(
            Settings(backup_dir=folder / "it's a folder", pg_bin=pg_bin or odd.server.folder),
            identity,
            monitor=monitor,
            on_progress=lambda _: None,
            on_started=lambda: None,
            incident="INC-1",
            **more,
        )


def _typed(server: Server, lines: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Type lines into a shell whose PATH has no program of PostgreSQL's own but the server's psql."""
    env = {**os.environ, **server.env(), "PATH": f"/usr/bin{os.pathsep}/bin", **more}
    return subprocess.run(["bash", "-c", lines], env=env, text=True, capture_output=True, timeout=120, check=False)


def _restored(taken: Backup, server: Server) -> subprocess.CompletedProcess[str]:
    return _typed(server, "\n".join(restore_commands(taken, NAME)))


@pytest.mark.parametrize("major", servers.VERSIONS)
def test_what_is_taken_by_programs_of_any_version_comes_back_or_they_are_refused(
    odd: Database, tmp_path: Path, major: str
) -> None:
    folder, before = servers.binaries(major), odd.checksums()
    try:
        taken = _taken(odd, tmp_path, folder)
    except ProgramMissing as error:
        assert "ROLLBACK_PG_BIN" in error.remedy and f"postgresql-client-{odd.server.version}" in error.remedy
        assert not _works(odd, folder, tmp_path / "by.dump"), "they are refused, and would do"
        return
    with odd.connect() as conn:
        conn.execute("DROP TABLE knowledge_base CASCADE")
        done = _restored(taken, odd.server)  # somebody is connected
    assert done.returncode == 0, done.stdout + done.stderr
    assert odd.checksums() == before
    assert odd.value("SHOW search_path") == "public, extensions"
    aside = Database(odd.server, f"{NAME}_rolled_back")
    assert aside.value("SELECT to_regclass('public.knowledge_base') IS NULL")


def _works(odd: Database, folder: Path, dump: Path) -> bool:
    """Try what the printed commands do with a pair of programs."""
    _admin(odd.server, "CREATE DATABASE {}", COPY)
    env = os.environ | odd.env
    taken = subprocess.run([folder / "pg_dump", "-Fd", "-f", dump], env=env, capture_output=True, check=False)
    words: list[str | Path] = [folder / "pg_restore", "--exit-on-error", "-d", COPY, dump]
    return not taken.returncode and not subprocess.run(words, env=env, capture_output=True, check=False).returncode


@ONE
def test_a_dump_of_the_copy_comes_back_under_the_first_name(odd: Database, tmp_path: Path) -> None:
    before = odd.checksums()
    _admin(odd.server, "CREATE DATABASE {} TEMPLATE {}", COPY, NAME)
    taken = _taken(odd, tmp_path, database=COPY)
    done = _restored(taken, odd.server)
    assert done.returncode != 0 and f"The snapshot {COPY} is still there" in done.stderr
    assert _names(odd.server) == [COPY, NAME]
    _admin(odd.server, "DROP DATABASE {}", COPY)
    done = _restored(taken, odd.server)
    assert done.returncode == 0, done.stderr
    assert odd.checksums() == before and _names(odd.server) == [NAME, f"{NAME}_rolled_back"]


@ONE
def test_a_second_way_back_takes_another_name_for_what_was_there(odd: Database, tmp_path: Path) -> None:
    taken = _taken(odd, tmp_path)
    for _ in range(2):
        done = _restored(taken, odd.server)
        assert done.returncode == 0, done.stderr
    [other] = set(_names(odd.server)) - {NAME, f"{NAME}_rolled_back"}
    _admin(odd.server, "DROP DATABASE {}", other)
    assert other.startswith("rolled_back_2") and f"is in {other}." in done.stdout


@ONE
@pytest.mark.parametrize("missing", ["", "backups/none.dump"])
def test_without_a_dump_nothing_is_touched(odd: Database, missing: str) -> None:
    done = _typed(odd.server, "\n".join([f"backup='{missing}'", *restoring()]), PGDATABASE=NAME)
    assert done.returncode == 1 and done.stderr == f"Stopped: There is no dump at '{missing}'. Nothing was changed.\n"
    assert _names(odd.server) == [NAME]


@ONE
def test_names_of_files_say_of_which_database_and_incident_they_are(odd: Database, tmp_path: Path) -> None:
    taken = _taken(odd, tmp_path)
    assert Path(taken.path).name.startswith("backup_before_rollback_2")
    assert Path(taken.path).name.endswith("_it%27s%20%22odd%22%2Fa%3Db%20-c%5Cd%20%24e%20%7Bf%7D%20%25g_INC-1.dump")
    assert f"# database: {NAME}\n" in checksums.sidecar(Path(taken.path)).read_text()
    checksums.verify(Path(taken.path))
    assert naming.part("ä" * 31) != naming.part("ä" * 30 + "ö") and len(naming.part("ä" * 31)) <= naming.LONGEST


@ONE
def test_a_dump_of_another_database_is_refused(odd: Database, tmp_path: Path) -> None:
    taken = _taken(odd, tmp_path)
    _admin(odd.server, "CREATE DATABASE {}", COPY)
    lines = [f"backup='{taken.path.replace(chr(39), chr(39) + chr(92) + chr(39) + chr(39))}'", *restoring()]
    done = _typed(odd.server, "\n".join(lines), PGDATABASE=COPY)
    assert done.returncode == 1 and f"is not a dump of the database {COPY}" in done.stderr, done.stderr
    listed = checksums.sidecar(Path(taken.path))
    listed.write_text(listed.read_text().replace(NAME, COPY))  # somebody renamed the list
    done = _typed(odd.server, "\n".join(lines), PGDATABASE=COPY)
    assert done.returncode == 1 and f"The dump is of the database {NAME}" in done.stderr, done.stderr
    assert _names(odd.server) == [COPY, NAME]


@ONE
@pytest.mark.parametrize("damaged", ["toc.dat", "the list"])
def test_a_damaged_dump_stops_before_anything_is_renamed(odd: Database, tmp_path: Path, damaged: str) -> None:
    taken = _taken(odd, tmp_path)
    path = Path(taken.path)
    with (checksums.sidecar(path) if damaged == "the list" else path / damaged).open("ab") as file:
        file.write(b"# more\n")
    done = _restored(taken, odd.server)
    assert done.returncode == 1 and "Stopped" in done.stderr and _names(odd.server) == [NAME]


@ONE
def test_a_restore_that_fails_gives_the_name_back(odd: Database, tmp_path: Path) -> None:
    before, taken = odd.checksums(), _taken(odd, tmp_path)
    path = Path(taken.path)
    listed = odd.program("pg_restore", "--list", taken.path).stdout.splitlines()
    [line] = [line for line in listed if " TABLE DATA public users " in line]
    (path / f"{line.partition(';')[0]}.dat.gz").unlink()
    checksums.sidecar(path).unlink()
    sums = {file.name: checksums.checksum(file) for file in path.iterdir()}
    facts = {"database": NAME, "dumped as": NAME, "restore with": f"{taken.programs}/pg_restore"}
    wrong = Backup(**{**vars(taken), "sha256": checksums.write(path, sums, facts)})
    done = _restored(wrong, odd.server)
    assert done.returncode == 1 and f"The database {NAME} is what it was." in done.stderr, done.stderr
    assert odd.checksums() == before and _names(odd.server) == [NAME]


@pytest.mark.pg("15", "18")
def test_the_file_of_the_snapshot_goes_back_to_this_database_alone(odd: Database, tmp_path: Path) -> None:
    before = odd.checksums()
    with odd.connect() as conn:
        conn.execute(scripts.read("journal/schema.sql").encode())
    with odd.server.connect() as admin:
        copy = snapshot.name(NAME)
        admin.execute(CREATE_COPY.format(sql.Identifier(copy), sql.Identifier(NAME)))
        comment = sql.SQL("COMMENT ON DATABASE {} IS 'it''s %s {{}} :name'").format(sql.Identifier(NAME))
    taken = Snapshot(copy, False, [comment.as_string(None)])
    with odd.connect() as conn:
        conn.execute("DROP TABLE knowledge_base CASCADE")
    path = snapshot.write_going_back(tmp_path, NAME, taken, "INC-1")
    assert path.name == f"go_back_to_{naming.part(copy)}_INC-1.sql" and path.name.startswith("go_back_to_it%27s%20")
    for other in ("postgres", ""):
        done = _typed(odd.server, go_back_command(str(path), other))
        assert done.returncode == 3 and "Nothing was done" in done.stderr, done.stderr
    done = _typed(odd.server, f"psql -X -d postgres -f '{path}'")
    assert done.returncode == 3 and "-v database=NAME" in done.stderr
    assert _names(odd.server) == [NAME, copy]
    done = _typed(odd.server, go_back_command(str(path), NAME))
    assert done.returncode == 0, done.stderr
    assert odd.checksums() == before
    aside = copy.replace(snapshot.MARK, snapshot.ASIDE)
    assert _names(odd.server) == [NAME, aside]
    assert odd.value(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = current_database()"
    ) == ("it's %s {} :name")
    _admin(odd.server, "DROP DATABASE {}", aside)


@ONE
def test_names_with_control_characters_are_refused(odd: Database, tmp_path: Path) -> None:
    for name in ("two\nlines", "a\rb", "esc\x1b[2J", "line\u2028separator"):
        with pytest.raises(BackupFailed, match="control character"):
            snapshot.write_going_back(tmp_path, name, Snapshot(COPY, False, []))
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def folder_of(tmp_path: Path) -> Callable[[str, str], Path]:
    """Return a function that makes a folder whose pg_dump and pg_restore are of these versions."""

    def make(dump: str, restore: str) -> Path:
        folder = tmp_path / f"{dump}-{restore}"
        folder.mkdir()
        for name, version in (("pg_dump", dump), ("pg_restore", restore)):
            (folder / name).write_text(f"#!/bin/sh\nexec '{servers.binaries(version) / name}' \"$@\"\n")
            (folder / name).chmod(0o755)
        return folder

    return make


def test_programs_that_cannot_be_used_are_passed_over(
    folder_of: Callable[[str, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("pg_dump", "pg_restore"):  # made for another processor
        (elsewhere / name).write_bytes(b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x02\x00\xb7\x00\x01" + bytes(100))
        (elsewhere / name).chmod(0o755)
    mixed, newer = folder_of("16", "18"), folder_of("18", "18")
    monkeypatch.setattr(programs, "_folders", lambda: iter([elsewhere, tmp_path / "none", mixed, newer]))
    assert programs.found(Settings()) == [Found(newer, 18)]
    assert programs.binaries(17, Settings()) == newer
    with pytest.raises(ProgramMissing, match=r"pg_restore sets transaction_timeout, which a server 16 does not know"):
        programs.binaries(16, Settings())


def test_a_machine_without_psql_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(programs, "_folders", lambda: iter([tmp_path]))
    with pytest.raises(ProgramMissing, match="no psql"):
        programs.psql(Settings())
