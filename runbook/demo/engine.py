"""Stand-in for an engine, for the demo on a machine without Docker: services are processes of this machine.

An "image" is the release that the tree had when it was built, under a name; a "container" remembers the image it was
made from, as a real one does.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psutil

STATE = Path(os.environ.get("ROLLBACK_DEMO_STATE", ".compose"))
"""Folder of the images and containers: one JSON file each."""

STOP_SECONDS = 5.0
"""How long a process may take to end before it is killed."""


def _image(name: str) -> Path:
    return STATE / f"image-{re.sub('[^a-z0-9.-]', '_', name.removesuffix(':latest'))}.json"


def _container(project: str, service: str) -> Path:
    return STATE / f"container-{project}-{service}.json"


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return found


def _write(path: Path, **found: object) -> None:
    STATE.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(found), encoding="utf-8")


def build(name: str, release: str) -> None:
    """Make an image."""
    _write(_image(name), name=name, release=release)


def release_of(image: str) -> str:
    """Return the release of an image, given by its name or as ``release:v1``. Raises SystemExit when there is none."""
    found = _read(_image(image))
    if image.startswith("release:"):
        return image.partition(":")[2]
    if not found:
        sys.exit(f"No such image: {image}")
    return str(found["release"])


def names(release: str) -> list[str]:
    """List the names of a release's images."""
    found = [_read(path) for path in sorted(STATE.glob("image-*.json"))]
    return [str(image["name"]) for image in found if image["release"] == release]


def forget(name: str) -> None:
    """Take an image's name away."""
    _image(name).unlink(missing_ok=True)


def containers() -> list[dict[str, Any]]:
    """List all containers: id, project, service, pid, release, killed, started, folder, files."""
    return [_read(path) for path in sorted(STATE.glob("container-*.json"))]


def status(one: dict[str, Any]) -> str:
    """Say how a container is, as an engine does."""
    if not alive(one["project"], one["service"]):
        return "Exited (137) some time ago" if one["killed"] else "Exited (0) some time ago"
    seconds = (datetime.now(UTC) - datetime.fromisoformat(one["started"])).total_seconds()
    return f"Up {seconds:.0f} seconds"


def alive(project: str, service: str) -> psutil.Process | None:
    """Return the living process of a container."""
    pid = _read(_container(project, service)).get("pid")
    if pid is None or not psutil.pid_exists(pid):
        return None
    process = psutil.Process(pid)
    return process if process.status() != psutil.STATUS_ZOMBIE else None


def has(project: str, service: str) -> str:
    """Return the release of a service's container; empty when it has none."""
    return str(_read(_container(project, service)).get("release", ""))


def launch(project: str, service: str, release: str, folder: Path, files: list[str]) -> None:
    """Make a service's container, of compose files in a folder, and start its process; it outlives this program."""
    made = {"id": uuid4().hex, "project": project, "service": service, "release": release}
    _write(_container(project, service), **made, folder=str(folder), files=[str(folder / file) for file in files])
    relaunch(project, service)


def relaunch(project: str, service: str) -> None:
    """Start the process of a container that was stopped."""
    path = _container(project, service)
    found = _read(path)
    with (STATE / f"{service}.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "runbook.demo.service", service, str(found["release"])],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    started = datetime.now(UTC).isoformat()
    _write(path, **{**found, "pid": process.pid, "killed": False, "started": started})


def once(service: str, release: str, command: list[str]) -> int:
    """Run a command of a service's image to its end and return its exit status."""
    words = [sys.executable, "-m", "runbook.demo.service", service, release, *command]
    return subprocess.run(words, stdin=subprocess.DEVNULL, check=False).returncode


def halt(project: str, service: str) -> None:
    """End a service's process: first asked, then killed."""
    process = alive(project, service)
    if not process:
        return
    process.send_signal(signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while time.monotonic() < until:
        if not alive(project, service):
            return
        time.sleep(0.05)
    process.kill()
    path = _container(project, service)
    _write(path, **{**_read(path), "killed": True})
