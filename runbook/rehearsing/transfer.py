"""PostgreSQL's programs between production and the clone: as a stream, through a folder, or from a dump."""

import re
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from runbook import database, shell
from runbook.approval import attended
from runbook.approval.attended import Sessions
from runbook.errors import CloneFailed, ProgramFailed, RollbackError
from runbook.rehearsing import source
from runbook.rehearsing.site import Site
from runbook.safekeeping import archive, compression, dump, programs
from runbook.safekeeping.dump import Dump

APPLICATION = "rollback-rehearsal"
"""What pg_restore's sessions call themselves in pg_stat_activity."""
LEFT_OUT = ("--no-subscriptions", "--exclude-schema=rollback")
"""What does not leave production: subscriptions would draw on it, its journal is not staging's."""
NOT_RESTORED = re.compile(r"\d+; \d+ \d+ ((COMMENT - )?SUBSCRIPTION|USER MAPPING)\b")
"""Entries of a dump that draw on production, or hold passwords of other servers."""
EXTENSION = re.compile(r"^\d+; 3079 \d+ EXTENSION - (\S+)", re.MULTILINE)
OWN = (
    *("--no-owner", "--no-privileges", "--no-tablespaces", "--no-security-labels"),
    *("--exit-on-error", "--no-password"),
)
"""The clone belongs to staging's role: roles, tablespaces and labels of production's server are not there."""
REMEDIES = {
    "permission denied to create extension": "Rehearse as a superuser of staging's server, or let who runs it say "
    "trusted = true in the extension's control file.",
    "must be superuser": "Rehearse as a superuser of staging's server: production holds what only one may make.",
    "is not available": "Install that extension on staging's server.",
    "row-level security": "Give the source's role BYPASSRLS: rows are hidden from it.",
    "permission denied": "GRANT pg_read_all_data to the source's role; on staging the role needs CREATEDB.",
    "no space left": "Make room on staging's server.",
    "could not extend file": "Make room on staging's server.",
    "lock timeout": "Somebody holds a table of production exclusively (a migration?); rehearse when it has ended.",
}
"""What to do, by what PostgreSQL says."""
PROGRESS_SECONDS = 1.0

Words = list[str | Path]
Tell = Callable[[str, int], None]
"""Hears which step is at work (dump, restore), and how many bytes are there."""


@dataclass(frozen=True)
class Header:
    """What a dump says of itself."""

    database: str
    major: int
    kind: str
    """CUSTOM, DIRECTORY or TAR."""
    extensions: tuple[str, ...] = ()


def header(path: Path, site: Site) -> Header:
    """Read a dump's list of contents. Raises CloneFailed."""
    try:
        listed = shell.run(_folder(site) / "pg_restore", "--list", path, env=compression.C_LOCALE)
    except ProgramFailed as error:
        raise CloneFailed(
            f"The dump {path} cannot be read: {error.problem}",
            "Name a dump of pg_dump's formats custom, directory or tar (ROLLBACK_REHEARSAL_DUMP).",
            "Nothing was touched.",
        ) from None
    said = dict(re.findall(r"^;\s+(dbname|Dumped from database version|Format): (.*)$", listed, re.MULTILINE))
    major = re.match(r"\d+", said.get("Dumped from database version", ""))
    return Header(
        said.get("dbname", ""), int(major[0]) if major else 0, said.get("Format", ""), tuple(EXTENSION.findall(listed))
    )


def stream(site: Site, name: str, tell: Tell) -> None:
    """Let pg_restore read what pg_dump writes; nothing is kept in between. Raises CloneFailed."""
    folder = _folder(site)
    conninfo = make_conninfo(source.conninfo(site.settings), application_name=dump.APPLICATION, connect_timeout=10)
    left: Words = [folder / "pg_dump", "--format=custom", "--compress=0", *LEFT_OUT, "--no-password"]
    left += [f"--lock-wait-timeout={dump.LOCK_WAIT}", f"--dbname={conninfo}"]
    right: Words = [folder / "pg_restore", *OWN, f"--dbname={_target(site)}"]
    with _explained(f"The stream from {name} to {site.incoming} broke"):
        env = attended.environment(_sessions(site))  # the clone has production's encoding
        attended.do(lambda: shell.pipe(left, right, env), _sessions(site), _watched(site, tell))


def take(site: Site, conn: psycopg.Connection, name: str, path: Path, tell: Tell) -> int:
    """Dump production into the empty folder ``path`` by several jobs; return its bytes. Raises RollbackError."""
    folder, jobs = _folder(site), programs.jobs(site.settings)
    wanted = Dump(
        folder / "pg_dump",
        name,
        path,
        jobs,
        compression.best(folder),
        conn,
        conninfo=source.conninfo(site.settings),
        options=LEFT_OUT,
    )
    dump.take(wanted, lambda written: tell("dump", written), lambda: None)
    return archive.size(path)


def restore(site: Site, path: Path, kind: str, tell: Tell) -> None:
    """Restore a dump into the clone, by several jobs where its format allows. Raises CloneFailed."""
    jobs = 1 if kind == "TAR" else programs.jobs(site.settings)
    program = _folder(site) / "pg_restore"
    with _explained(f"The dump {path} was not restored to {site.incoming}"), _chosen(program, path) as chosen:
        words: Words = [program, *OWN, f"--jobs={jobs}", f"--use-list={chosen}", f"--dbname={_target(site)}", path]
        attended.run(words, _sessions(site), _watched(site, tell))


def _folder(site: Site) -> Path:
    """Return the programs that fit staging's server, which is not older than production's."""
    return programs.binaries(site.gate.info.server_version // 10000, site.settings)


def _target(site: Site) -> str:
    return make_conninfo("", dbname=site.incoming, application_name=APPLICATION, connect_timeout=10)


def _sessions(site: Site) -> Sessions:
    return Sessions(site.incoming, APPLICATION, site.gate)


def _watched(site: Site, tell: Tell) -> Callable[[Future[str]], None]:
    """Return what watches a restore: it tells the clone's size."""

    def watch(running: Future[str]) -> None:
        due = time.monotonic()
        while not attended.ended(running):
            if time.monotonic() >= due:
                tell("restore", size(site, site.incoming))
                due = time.monotonic() + PROGRESS_SECONDS

    return watch


def size(site: Site, name: str) -> int:
    """Return how large a database is, in bytes."""
    with database.translated():
        [row] = site.gate.execute("SELECT pg_catalog.pg_database_size(%s::name)", [name]).fetchall()
    return int(row[0])


@contextmanager
def _chosen(program: Path, path: Path) -> Iterator[str]:
    """Write the list of what is restored to a file. Raises ProgramFailed."""
    listed = shell.run(program, "--list", path, env=compression.C_LOCALE)
    with tempfile.NamedTemporaryFile("w", suffix=".list") as chosen:
        chosen.write("\n".join(line for line in listed.splitlines() if not NOT_RESTORED.match(line)) + "\n")
        chosen.flush()
        yield chosen.name


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Say of a program's failure what broke, and what to do. Raises CloneFailed."""
    try:
        yield
    except ProgramFailed as error:
        said = (error.stderr or error.problem).lower()
        remedy = next((do for sign, do in REMEDIES.items() if sign in said), "Mend it, then rehearse again.")
        raise CloneFailed(f"{what}: {error.problem}", remedy) from None
    except RollbackError as error:
        error.problem = f"{what}: {error.problem}"
        raise
