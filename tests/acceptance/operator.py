"""The runbook as an operator has it: the console script, and a terminal to type into."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sysconfig
import termios
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from runbook.approval import onetime
from tests import prefectdb
from tests.databases import Database

SCRIPTS = Path(sysconfig.get_path("scripts"))
ROOT = Path(__file__).parents[2]
TRIGGER = ("--triggers", "critical functionality broken: chat")
REQUEST = ("--incident", "INC-1", "--reason", "Chat answers with errors.", *TRIGGER, "--oauth", "temporary passwords")
APPROVAL = {"decision": "approve", "name": "Ada Lovelace", "role": "CTO", "comment": ""}
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
APPROVERS = f'[[approver]]\nname = "Ada Lovelace"\nrole = "CTO"\nsecret = "{SECRET}"\n'
SECONDS = 120
Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True)
class Desk:
    """Where an operator sits: a folder of one's own, and an environment that leads to one database."""

    folder: Path
    env: Mapping[str, str]

    def rollback(self, *words: str, **env: str) -> Done:
        """Run the console script to its end. Does not raise."""
        return self.program(str(SCRIPTS / "rollback"), *words, **env)

    def program(self, *words: str, **env: str) -> Done:
        """Run any program in this environment. Does not raise."""
        return subprocess.run(
            words,
            cwd=self.folder,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=SECONDS,
            stdin=subprocess.DEVNULL,
        )

    def start(self, *words: str, **env: str) -> "subprocess.Popen[str]":
        """Start the console script and leave it running."""
        return subprocess.Popen(
            [str(SCRIPTS / "rollback"), *words],
            cwd=self.folder,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def desk(database: Database, folder: Path, **env: str) -> Desk:
    """Return a desk whose environment leads to ``database``; nothing of this process's own settings gets in."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("PG", "ROLLBACK_", "PREFECT_"))}
    approvers = folder / "approvers.toml"
    approvers.write_text(APPROVERS)
    approvers.chmod(0o600)
    if "PREFECT_API_URL" not in env:
        prefectdb.lend(folder / "prefect")
    ours = {
        "PYTHONPATH": str(ROOT),
        "COLUMNS": "120",
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "ROLLBACK_TARGET": "test",
        "ROLLBACK_REHEARSAL_DAYS": "0",
        "ROLLBACK_PG_BIN": str(database.server.folder),
        "ROLLBACK_BACKUP_DIR": str(folder / "backups"),
        "ROLLBACK_REPORT_DIR": str(folder / "reports"),
        "ROLLBACK_APPROVERS_FILE": str(approvers),
        "ROLLBACK_STATE_DIR": str(folder / "state"),
    }
    return Desk(folder, {**clean, **ours, **database.env, **env})


class Terminal:
    """A program on a terminal of its own, read and typed into as a person would."""

    def __init__(self, desk: Desk, *words: str, columns: int = 120, **env: str) -> None:
        self.text = ""
        self._end, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        told = {name: value for name, value in {**desk.env, **env}.items() if name != "COLUMNS"}
        self.process = subprocess.Popen(
            [str(SCRIPTS / "rollback"), *words],
            cwd=desk.folder,
            env={**told, "TERM": "xterm", "NO_COLOR": "1"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)

    def expect(self, pattern: str, seconds: float = SECONDS) -> "re.Match[str]":
        """Read until the text holds ``pattern``. Raises AssertionError with what there was instead."""
        until = time.monotonic() + seconds
        while not (found := re.search(pattern, self.text)):
            assert time.monotonic() < until and self._read(), f"no {pattern!r} in:\n{self.text}"
        self.text = self.text[found.end() :]
        return found

    def type(self, line: str) -> None:
        """Type a line and press Enter."""
        os.write(self._end, f"{line}\n".encode())

    def end(self, seconds: float = SECONDS) -> int:
        """Read to the program's end and return its exit status; what was left to read is in ``text``."""
        until = time.monotonic() + seconds
        while self._read():
            assert time.monotonic() < until, f"still running:\n{self.text}"
        return self.process.wait(10)

    def close(self) -> None:
        """Leave the terminal, whatever runs there."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        os.close(self._end)

    def _read(self) -> bool:
        """Take in what has come; False at the end."""
        ready, _, _ = select.select([self._end], [], [], 0.5)
        if not ready:
            return True
        try:
            said = os.read(self._end, 65536).decode("utf-8", "replace")
        except OSError:  # how Linux says that nobody holds the other side any more
            return False
        self.text += re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said).replace("\r\n", "\n")
        return bool(said)


@contextmanager
def terminal(desk: Desk, *words: str, columns: int = 120, **env: str) -> Iterator[Terminal]:
    """Run the console script on a terminal; whatever still runs there in the end is killed."""
    opened = Terminal(desk, *words, columns=columns, **env)
    try:
        yield opened
    finally:
        opened.close()


def code(secret: str = SECRET) -> str:
    """Return the code that an authenticator app shows now."""
    return onetime.code(secret, onetime.step(datetime.now(UTC)))


def answer(
    terminal: Terminal, decision: str = "approve", comment: str = "", name: str = "Ada Lovelace", secret: str = SECRET
) -> None:
    """Type an approver's answer at the prompt."""
    for question, words in (
        ("Decision", decision),
        ("Your name", name),
        ("Your role", "CTO"),
        ("Plan that you read", ""),
        ("Comment", comment),
        ("One-time code", code(secret)),
    ):
        terminal.expect(question)
        terminal.type(words)


def at_baseline(database: Database) -> bool:
    """Tell whether the transformation is gone."""
    return bool(database.value("SELECT to_regclass('public.digital_twins') IS NOT NULL"))
