"""A real PgBouncer before a test's server, on a port of its own."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import psycopg

from runbook.demo import world
from tests.servers import Server

Mode = Literal["transaction", "session"]

CONFIGURATION = """
[databases]
* = host={server.host} port={server.port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = trust
auth_file = {folder}/users
admin_users = {server.user}
pool_mode = {mode}
ignore_startup_parameters = options
"""


@dataclass(frozen=True)
class Pooler:
    """A running PgBouncer."""

    port: int
    user: str

    def connect(self, dbname: str, **words: Any) -> psycopg.Connection[Any]:
        """Connect as an application does; the caller closes it."""
        return psycopg.connect(
            host="127.0.0.1",
            port=self.port,
            user=self.user,
            dbname=dbname,
            autocommit=True,
            connect_timeout=10,
            **words,
        )

    def tell(self, command: str) -> None:
        """Say a word to its console, such as ``PAUSE x``."""
        with self.connect("pgbouncer") as console:
            console.pgconn.exec_(command.encode())


def program() -> str | None:
    """Return the program's path, or None where it is not installed (make test-system does)."""
    return shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")


@contextmanager
def running(server: Server, mode: Mode) -> Iterator[Pooler]:
    """Run PgBouncer before a server while the block lasts, as the server's own user: it refuses to be root."""
    found, owner = program(), Path(server.host).stat()
    assert found
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as name:
        folder, port = Path(name), world.free_port()
        folder.chmod(0o755)
        (folder / "users").write_text(f'"{server.user}" ""\n')
        (folder / "pgbouncer.ini").write_text(CONFIGURATION.format(server=server, port=port, folder=folder, mode=mode))
        process = subprocess.Popen(
            [found, "-q", str(folder / "pgbouncer.ini")],
            user=owner.st_uid,
            group=owner.st_gid,
            extra_groups=[],
            stderr=subprocess.DEVNULL,
        )
        try:
            _wait(port)
            yield Pooler(port, server.user)
        finally:
            process.kill()
            process.wait()


def _wait(port: int, seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError("PgBouncer does not listen")
