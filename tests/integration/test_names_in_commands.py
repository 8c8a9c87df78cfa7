"""Names that a shell, psql or libpq would take for something else: the printed commands, typed as they stand."""

import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg import sql

import sql as scripts
from runbook.models import Identity
from runbook.safekeeping import backup, snapshot
from runbook.safekeeping.snapshot import Snapshot
from runbook.safekeeping.wayback import go_back_command, restore_commands
from runbook.settings import Settings
from runbook.telling import report
from tests import samples
from tests.databases import Database
from tests.integration.test_way_back import _typed as typed
from tests.servers import Server

pytestmark = pytest.mark.pg("18")
NAMES = (
    "$(touch pwned)`touch pwned`",
    "'; touch pwned; '",
    '"; DROP DATABASE postgres; --',
    "-c",
    "--help",
    "a\\'b\\",
    ":database :'name' {copy} %s",
    "host=elsewhere dbname=postgres",
    "postgresql://elsewhere/x",
    "*",
    "```\u00e9",
)


@pytest.fixture(params=NAMES)
def named(
    request: pytest.FixtureRequest, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Database]:
    """A small database with such a name and a role with one, which libpq's environment leads to."""
    name = str(request.param)
    _admin(server, "CREATE DATABASE {}", name)
    _admin(server, "CREATE ROLE {}", name)
    monkeypatch.chdir(tmp_path)
    for key, value in server.env(name).items():
        monkeypatch.setenv(key, value)
    database = Database(server, name)
    with database.connect() as conn:
        conn.execute("CREATE TABLE kept AS SELECT 1 AS n; CREATE TABLE users (); CREATE TABLE conversations ()")
        conn.execute(scripts.read("journal/schema.sql").encode())
    try:
        yield database
    finally:
        for one in _like(server, name):
            _admin(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", one)
        _admin(server, "DROP ROLE {}", name)


def _admin(server: Server, statement: str, *names: str) -> None:
    with server.connect() as admin:
        admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _like(server: Server, name: str) -> list[str]:
    with server.connect() as admin:
        rows = admin.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [name]).fetchall()
        return [row[0] for row in rows]


def _harmed(named: Database, folder: Path) -> list[str]:
    """Return what was made or lost that the commands do not say."""
    with named.server.connect() as admin:
        there = admin.execute("SELECT count(*) FROM pg_database WHERE datname = 'postgres'").fetchone()
    found = [str(path) for path in folder.rglob("pwned")]
    return found + ([] if there == (1,) else ["postgres"])


@pytest.mark.attack(
    "owner",
    "calls database and roles so that the printed restore commands run something else in the operator's shell",
    "each name stands there as shlex.quote writes it, and psql gets it as a variable",
)
def test_the_restore_commands_do_what_they_say(named: Database, tmp_path: Path) -> None:
    with named.server.connect() as monitor:
        identity = Identity(1, named.dbname, monitor.info.server_version)
        taken = backup.take(
            Settings(backup_dir=tmp_path / "b", pg_bin=named.server.folder, _env_file=None),
            identity,
            monitor=monitor,
            on_progress=lambda _: None,
            on_started=lambda: None,
            incident="INC-1",
        )
    with named.connect() as conn:
        conn.execute("UPDATE kept SET n = 2")
    lines = restore_commands(taken, named.dbname)
    plan = samples.plan(identity=Identity(1, named.dbname, 180000))
    written = report.markdown(samples.summary(backup=taken, plan=plan))
    assert "\n".join(lines) in written, "the report shows other lines than those that work"
    done = typed(named.server, "\n".join(lines))
    assert done.returncode == 0, done.stderr
    assert named.value("SELECT n FROM kept") == 1
    assert Database(named.server, f"{named.dbname}_rolled_back").value("SELECT n FROM kept") == 2
    assert _harmed(named, tmp_path) == []


@pytest.mark.attack(
    "owner",
    "calls database and roles so that the file that goes back runs something else in psql",
    "names stand there quoted as identifiers or literals; one with a control character is refused by the plan",
)
def test_the_file_that_goes_back_does_what_it_says(named: Database, tmp_path: Path) -> None:
    name, copy = named.dbname, snapshot.name(named.dbname)
    make = sql.SQL("CREATE DATABASE {} TEMPLATE {} ALLOW_CONNECTIONS false")
    _admin(named.server, "ALTER DATABASE {} OWNER TO {}", name, name)
    with named.connect() as conn:
        given = snapshot.properties(conn, name)
    with named.server.connect() as admin:
        admin.execute(make.format(sql.Identifier(copy), sql.Identifier(name)))
    with named.connect() as conn:
        conn.execute("UPDATE kept SET n = 2")
    path = snapshot.write_going_back(tmp_path, name, Snapshot(copy, False, given), "INC-1")
    done = typed(named.server, go_back_command(str(path), name))
    assert done.returncode == 0, done.stderr
    assert named.value("SELECT n FROM kept") == 1
    owner = "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"
    assert named.value(owner) == name
    reopened = next(line for line in path.read_text().splitlines() if "ALLOW_CONNECTIONS true'" in line)
    by_hand = reopened.partition("psql ")[2]
    assert shlex.split(f"psql {by_hand}")[-1].startswith('ALTER DATABASE "')
    again = typed(named.server, f"psql {by_hand}")
    assert again.returncode == 0, again.stderr
    assert _harmed(named, tmp_path) == []


@pytest.mark.attack(
    "owner",
    "hides a statement in the database's search_path, which the file that goes back gives to the database again",
    "each part of a list is a literal there",
)
@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("public;ALTER/**/ROLE/**/low/**/SUPERUSER", "public;alter/**/role/**/low/**/superuser"),
        ('"it\'\'s ""odd""", Public,$user', '"it\'s ""odd""", public, "$user"'),
        ("", ""),
    ],
)
def test_a_setting_of_the_database_is_no_statement(transformed: Database, server: Server, path: str, kept: str) -> None:
    with transformed.connect() as conn:
        conn.execute("CREATE ROLE low")
        conn.execute(f"SELECT set_config('search_path', '{path}', false)")
        conn.execute(
            sql.SQL("ALTER DATABASE {} SET search_path FROM CURRENT").format(sql.Identifier(transformed.dbname))
        )
        given = snapshot.properties(conn, transformed.dbname)
    try:
        with server.connect() as admin:
            admin.execute(sql.SQL("ALTER DATABASE {} RESET ALL").format(sql.Identifier(transformed.dbname)))
            admin.execute(";\n".join(given))
            assert admin.execute("SELECT rolsuper FROM pg_roles WHERE rolname = 'low'").fetchone() == (False,)
        shown = str(transformed.value("SHOW search_path"))
        assert [part.strip('" ') for part in shown.split(",")] == [part.strip('" ') for part in kept.split(",")]
    finally:
        with server.connect() as admin:
            admin.execute("DROP ROLE low")
