"""A mail server that delivers nothing: each message it takes becomes a file."""

import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Mailbox

LOGGER = "mail.log"
"""aiosmtpd's own, which writes every line that is said."""


@contextmanager
def mail(folder: Path) -> Iterator[int]:
    """Run the server on a free port of this machine and lend that; messages go to ``folder``/new, one file each."""
    logging.getLogger(LOGGER).setLevel(logging.ERROR)
    controller: Any = Controller(Mailbox(folder), hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


def free_port() -> int:
    """Return a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
