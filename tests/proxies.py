"""A TCP proxy before a server, which hangs up on the runbook's transaction at the moment of its COMMIT."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from tests.servers import Server

When = Literal["before", "after", "meanwhile"]
"""COMMIT never arrives; it arrives, and the answer does not; it arrives a second after the client lost the line."""

MARK = b"rollback.bot_label"
"""What only the connection with the one transaction says."""


@dataclass(frozen=True)
class Line:
    """One connection through the proxy."""

    client: socket.socket
    server: socket.socket
    when: When

    def carry(self) -> None:
        """Carry both ways until one side hangs up, or the COMMIT comes."""
        back = threading.Thread(target=_pour, args=(self.server, self.client), daemon=True)
        back.start()
        marked = False
        with suppress(OSError):
            while data := self.client.recv(65536):
                marked = marked or MARK in data
                if marked and b"COMMIT\0" in data:
                    self._commit(data)
                    break
                self.server.sendall(data)
        hang_up(self.client)
        hang_up(self.server)

    def _commit(self, data: bytes) -> None:
        if self.when == "after":
            hang_up(self.client, socket.SHUT_WR)
            self.server.sendall(data)
            time.sleep(0.5)
        if self.when == "meanwhile":
            hang_up(self.client)
            time.sleep(1)
            self.server.sendall(data)
            time.sleep(0.5)


def hang_up(end: socket.socket, how: int = socket.SHUT_RDWR) -> None:
    with suppress(OSError):
        end.shutdown(how)


def _pour(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    hang_up(target)


@contextmanager
def before(server: Server, when: When) -> Iterator[int]:
    """Listen on a port of this machine for as long as the block lasts."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends: list[socket.socket] = []
        threading.Thread(target=_accept, args=(listener, server, when, ends), daemon=True).start()
        try:
            yield int(listener.getsockname()[1])
        finally:
            hang_up(listener)
            for end in ends:
                hang_up(end)
                end.close()


def _accept(listener: socket.socket, server: Server, when: When, ends: list[socket.socket]) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            inner = socket.socket(socket.AF_UNIX)
            inner.connect(f"{server.host}/.s.PGSQL.{server.port}")
            ends += [client, inner]
            threading.Thread(target=Line(client, inner, when).carry, daemon=True).start()
