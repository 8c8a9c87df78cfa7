"""What each side finds: a server with a database of the wanted size, the application running on it, and a clock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.application import Application
from benchmarks.cluster import Server
from runbook import shell

TOLD = "until everybody is told"
"""The part that ends when the users are back, all is verified, and the team knows."""


@dataclass(frozen=True)
class Scene:
    """Where a side does its work."""

    server: Server
    application: Application
    folder: Path
    """For backups and reports, on the file system that the database lies on."""
    whole: bool = True
    """Whether to wait for what the runbook does when everybody was told: the portable dump and its proof."""
    parts: dict[str, float] = field(default_factory=dict)
    """How long each part took, in s."""

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Time a part of the work."""
        began = time.monotonic()
        yield
        self.parts[name] = time.monotonic() - began

    def psql(self, *words: str | Path) -> str:
        """Run psql, which stops at the first error; return what it printed."""
        quiet = ("--no-psqlrc", "--quiet", "-v", "ON_ERROR_STOP=1")
        return shell.run(
            self.server.program("psql"), *quiet, *words, env={"PGOPTIONS": "-c client_min_messages=warning"}
        )

    def git(self, *words: str) -> None:
        """Run git in the application's tree."""
        shell.run("git", "-c", "advice.detachedHead=false", *words, cwd=self.application.tree)
