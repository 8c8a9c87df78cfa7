"""The application that is taken offline: the demo's, in two releases, its services processes of this machine.

The same stand-in for compose serves all sides. It builds and starts faster than Docker, which favours the procedure by
hand: the procedure builds inside the outage, the runbook before it.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import cluster
from runbook import shell
from runbook.demo import world

COMPOSE = (sys.executable, "-m", "runbook.demo.compose")
NAMES = ("backend", "frontend")
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True)
class Application:
    """The application's tree, and where its services answer."""

    tree: Path
    urls: dict[str, str]

    def compose(self, *words: str) -> None:
        """Run the compose program in the tree, as an operator does."""
        shell.run(*COMPOSE, *words, cwd=self.tree)

    def healthy(self) -> bool:
        """Return whether both services work."""
        return all(_works(url) for url in self.urls.values())

    def wait(self, seconds: float = 60, pause: float = 0.05) -> None:
        """Wait until both services work. Raises TimeoutError."""
        end = time.monotonic() + seconds
        while not self.healthy():
            if time.monotonic() > end:
                raise TimeoutError(f"The services did not work within {seconds:g} s.")
            time.sleep(pause)


@contextmanager
def running(folder: Path) -> Iterator[Application]:
    """Make the application in ``folder``, start release v2 on libpq's database, and point the settings at it."""
    tree = folder / "app"
    tree.mkdir()
    ports = {name: world.free_port() for name in NAMES}
    urls = {name: f"http://127.0.0.1:{port}/health" for name, port in ports.items()}
    environment = {
        **{f"DEMO_{name.upper()}_PORT": str(port) for name, port in ports.items()},
        "ROLLBACK_PROJECT_DIR": str(tree),
        "ROLLBACK_COMPOSE": " ".join(COMPOSE),
        "ROLLBACK_DOCKER": f"{sys.executable} -m runbook.demo.docker",
        "ROLLBACK_DEMO_STATE": str(folder / "services"),
        "ROLLBACK_HEALTH_URLS": json.dumps(urls),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
    }
    with cluster.pointed(environment):
        world.releases(tree)
        started = Application(tree, urls)
        started.compose("build")
        started.compose("up", "-d")
        try:
            started.wait()
            yield started
        finally:
            started.compose("stop")


def _works(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as response:  # noqa: S310 - an address of this machine
            return bool(response.status == 200)  # noqa: PLR2004
    except (urllib.error.URLError, OSError):
        return False
