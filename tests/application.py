"""A small application in two releases, v1 and v2, whose services run as processes beside a test's database.

The backend of each release works only on the schema it was written for, and writes a message every half second.
"""

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from runbook import shell
from runbook.demo import world
from tests.databases import Database

COMPOSE = (sys.executable, "-m", "runbook.demo.compose")
NAMES = ("backend", "frontend")
WRITTEN = "written by the demo''s backend"


@dataclass(frozen=True)
class Application:
    """The application's tree, and its services as a user meets them."""

    tree: Path
    ports: dict[str, int]

    def compose(self, *words: str) -> str:
        """Run the compose program in the tree, as an operator does."""
        return shell.run(*COMPOSE, *words, cwd=self.tree)

    def git(self, *words: str) -> str:
        """Run git in the tree."""
        return shell.run("git", *words, cwd=self.tree)

    def release(self) -> str:
        """Return what is checked out."""
        words = ["git", "-C", str(self.tree), "describe", "--tags"]
        return subprocess.run(words, check=True, capture_output=True, text=True).stdout.strip()

    def answers(self) -> set[str]:
        """Return what the services say of themselves, such as ``backend v2 works``."""
        return {_answer(port) for port in self.ports.values()}

    def pids(self) -> dict[str, int]:
        """Return the process of each service that runs: a service that was not touched keeps its own."""
        return {name: int(said) for name in NAMES if (said := self.compose("ps", "-q", name).strip())}


@contextmanager
def running(
    folder: Path, database: Database, monkeypatch: pytest.MonkeyPatch, *, works: bool = True
) -> Iterator[Application]:
    """Make the application in ``folder``, start release v2 on ``database``, and point the settings at it.

    ``works``: whether that release is the one for the schema.
    """
    tree = folder / "app"
    tree.mkdir()
    ports = {name: world.free_port() for name in NAMES}
    health = ",".join(f'"{name}": "http://127.0.0.1:{port}/"' for name, port in ports.items())
    environment = {
        **database.env,
        **{f"DEMO_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "ROLLBACK_PROJECT_DIR": str(tree),
        "ROLLBACK_COMPOSE": " ".join(COMPOSE),
        "ROLLBACK_DOCKER": f"{sys.executable} -m runbook.demo.docker",
        "ROLLBACK_RELEASE_QUERIES": world.QUERIES,
        "ROLLBACK_RELEASE_CHECK": "backend check",
        "ROLLBACK_DEMO_STATE": str(folder / "services"),
        "ROLLBACK_HEALTH_URLS": f"{{{health}}}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")])),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    world.releases(tree)
    application = Application(tree, ports)
    application.compose("build")
    application.compose("up", "-d")
    try:
        backend = "backend v2 works" if works else "backend v2 does not work on this schema"
        _wait(application, {backend, "frontend v2 works"})
        yield application
    finally:
        application.compose("stop")


def without_writings(database: Database) -> dict[str, tuple[int, str]]:
    """Return the checksums of all tables, without the messages that the application's users wrote meanwhile."""
    return database.checksums(first=f"DELETE FROM public.messages WHERE content = '{WRITTEN}'")


def _wait(application: Application, answers: set[str], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while (found := application.answers()) != answers:
        if time.monotonic() > end:
            raise TimeoutError(f"the services say {found}")
        time.sleep(0.1)


def _answer(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as response:
            return str(response.read().decode()).strip()
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode().strip()
    except OSError as error:
        return f"no answer: {error}"
