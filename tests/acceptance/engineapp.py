"""The small application of the engine's tests: two releases in a git tree, driven by real compose programs.

Its backend works only on the schema it was written for, and writes messages into the database all the time.
"""

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from runbook import settings
from runbook.application import compose, health, project
from runbook.demo import world
from runbook.models import Project
from tests import servers
from tests.acceptance.engine import CLASSIC, CURRENT, Engine, unavailable
from tests.databases import Database

APP = Path(__file__).parent / "app"
NAMES = ("backend", "frontend")
PATHS = {"backend": "/cgi-bin/health", "frontend": "/"}
PROGRAMS: Mapping[str, tuple[Path, Sequence[str]]] = {
    "docker-compose-1": (CLASSIC, (str(CLASSIC),)),
    "docker-compose-5": (CURRENT, (str(CURRENT),)),
    "docker compose": (CURRENT, ("docker", "compose")),
}
QUERIES = "checks/queries.sql"
_numbers = count(1)


@dataclass(frozen=True)
class App:
    """The application in its git tree, release v2 checked out."""

    folder: Path
    ports: dict[str, int]
    engine: Engine
    program: str

    def url(self, service: str, path: str = "") -> str:
        return f"http://127.0.0.1:{self.ports[service]}{path or PATHS[service]}"

    def answers(self, service: str, path: str = "") -> str:
        with urllib.request.urlopen(self.url(service, path), timeout=5) as response:
            return str(response.read().decode())

    def containers(self) -> dict[str, str]:
        """Return the image of each running container, by the container's id."""
        ids = self.engine.docker("ps", "--no-trunc", "--quiet").split()
        return {i: self.engine.docker("inspect", "--format", "{{.Image}}", i) for i in ids}

    def images(self) -> dict[str, str]:
        """Return which image each name of this application stands for."""
        lines = self.engine.docker("images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}").splitlines()
        return {name: image for name, image in map(str.split, lines) if name.startswith(self.folder.name)}

    def live(self) -> dict[str, str]:
        """Return the names that compose itself gives this application's images, and what they stand for."""
        return {name: image for name, image in self.images().items() if "-rollback-" not in name}

    def compose(self, *words: str) -> str:
        return compose.run(settings.load(), compose.find(settings.load()), *words, seconds=120)

    def operator(self, *words: str) -> str:
        """Run the compose program as an operator does, without the runbook."""
        command = [*PROGRAMS[self.program][1], *words]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    @property
    def project(self) -> Project:
        return project.find(settings.load())

    def bring_up(self) -> None:
        self.compose("up", "-d", "--build") if self.program != "docker-compose-1" else self._bring_up()
        health.wait_healthy(settings.load())

    def _bring_up(self) -> None:
        self.compose("build")
        self.compose("up", "-d")

    def git(self, *words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def commit(self, tag: str, source: Path) -> None:
        # Not copy2: a file of the same size, written in the same second, is unchanged in git's eyes.
        shutil.copytree(source, self.folder, dirs_exist_ok=True, copy_function=shutil.copy)
        _programs(self.folder)
        self.tag(tag)

    def tag(self, name: str) -> None:
        self.git("add", ".")
        self.git("commit", "-qm", name)
        self.git("tag", name)

    @contextmanager
    def variant(self, tag: str) -> Iterator[Path]:
        """Make another release that differs from v1 as the block has it, and check v2 out again."""
        self.git("checkout", "-q", "--detach", "v1")
        yield self.folder
        self.tag(tag)
        self.git("checkout", "-q", "main")

    def set(self, **values: str) -> None:
        """Set variables of the compose file."""
        with (self.folder / ".env").open("a") as file:
            file.writelines(f"{name}={value}\n" for name, value in values.items())


def _programs(folder: Path) -> None:
    """Put the programs into the build contexts: busybox, and psql with the libraries it needs."""
    shutil.copy("/bin/busybox", folder / "frontend" / "busybox")
    root = folder / "backend" / "root"
    (root / "bin").mkdir(parents=True, exist_ok=True)
    for name in ("busybox", "sh"):
        shutil.copy("/bin/busybox", root / "bin" / name)
    psql = servers.binaries("18") / "psql"
    shutil.copy(psql, root / "bin" / "psql")
    listed = subprocess.run(["ldd", psql], check=True, capture_output=True, text=True).stdout
    for library in re.findall(r"(?:=> |^\s+)(/\S+)", listed, flags=re.M):
        place = root / ("lib64" if "ld-linux" in library else "lib")
        place.mkdir(exist_ok=True)
        shutil.copy(library, place)


Deployed = Callable[[str], AbstractContextManager[App]]
"""Makes the application for a compose program."""


@contextmanager
def made(
    program: str, engine: Engine, database: Database, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[App]:
    """Make the application beside ``database``, and point the settings at it; nothing is started."""
    found, words = PROGRAMS[program]
    if not found.exists():
        unavailable(f"{found} is not installed")
    # The folder's name is the project's: images of another test must not be taken for this one's.
    tree, ports = folder / f"twin{os.getpid()}n{next(_numbers)}", {name: world.free_port() for name in NAMES}
    app = App(tree, ports, engine, program)
    environment = {
        **engine.env,
        **database.env,
        "ROLLBACK_PROJECT_DIR": str(tree),
        "ROLLBACK_COMPOSE": " ".join(words),
        "ROLLBACK_HEALTH_URLS": json.dumps({name: app.url(name) for name in NAMES}),
        "ROLLBACK_SERVICE_SECONDS": "20",
        "ROLLBACK_RELEASE_QUERIES": QUERIES,
        "ROLLBACK_RELEASE_CHECK": "backend /bin/sh /check.sh",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    tree.mkdir()
    app.git("init", "-q", "-b", "main")
    (tree / ".gitignore").write_text(".env\n")
    app.set(**{f"{name.upper()}_PORT": str(port) for name, port in ports.items()})
    app.set(FRONTEND_IMAGE=f"{tree.name}:live", **database.env)
    app.commit("v1", APP / "v1")
    app.commit("v2", APP / "v2")
    try:
        yield app
    finally:
        app.compose("down", "--timeout", "1")


def journal(database: Database) -> dict[str, Any]:
    """Return what the steps of the newest run found, by their names."""
    with database.connect() as conn:
        rows = conn.execute(
            "SELECT name, found || jsonb_build_object('outcome', outcome) FROM rollback.step WHERE run_id ="
            " (SELECT id FROM rollback.run ORDER BY started DESC LIMIT 1) ORDER BY id"
        ).fetchall()
    return dict(rows)
