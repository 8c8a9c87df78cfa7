"""Stand-in for docker compose, for the demo on a machine without Docker: services are processes of this machine.

It knows the commands that the runbook uses. An "image" is the release that the tree had when it was built; a
"container" remembers the image it was made from, as a real one does.
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import yaml

STATE = Path(os.environ.get("ROLLBACK_DEMO_STATE", ".compose"))
"""Folder of the images and containers: one JSON file each."""


def main() -> int:
    """Run one command and return its exit status."""
    options = _arguments()
    STATE.mkdir(parents=True, exist_ok=True)
    text = Path(options.file).read_text(encoding="utf-8") if options.command != "version" else "services: {}"
    services = yaml.safe_load(text)["services"]
    COMMANDS[options.command](options, services)
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo-compose")
    parser.add_argument("-f", "--file", default=os.environ.get("COMPOSE_FILE", "docker-compose.yml"))
    parser.add_argument("-p", "--project-name", default=os.environ.get("COMPOSE_PROJECT_NAME", "demo"))
    parser.add_argument("--project-directory")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("version", "config", "build", "up", "stop", "start", "ps"):
        command = commands.add_parser(name)
        command.add_argument("names", nargs="*")
        for flag in ("-d", "-q", "--services", "--short"):
            command.add_argument(flag, action="store_true")
        for valued in ("--filter", "-t", "--format"):
            command.add_argument(valued)
    return parser.parse_args()


def _file(kind: str, project: str, name: str) -> Path:
    return STATE / f"{kind}-{project}-{name}.json"


def _running(project: str, name: str) -> psutil.Process | None:
    """Return the living process of a container."""
    path = _file("container", project, name)
    pid = json.loads(path.read_text(encoding="utf-8")).get("pid") if path.exists() else None
    if pid is None or not psutil.pid_exists(pid):
        return None
    process = psutil.Process(pid)
    return process if process.status() != psutil.STATUS_ZOMBIE else None


def _version(*_: object) -> None:
    print("demo-compose 1.0")  # noqa: T201 - this program speaks to its caller


def _config(options: argparse.Namespace, services: dict[str, object]) -> None:
    print("\n".join(services) if options.services else yaml.safe_dump({"services": services}))  # noqa: T201


def _build(options: argparse.Namespace, services: dict[str, object]) -> None:
    release = (Path(options.file).parent / "RELEASE").read_text(encoding="utf-8").strip()
    for name in options.names or services:
        _file("image", options.project_name, name).write_text(json.dumps({"release": release}), encoding="utf-8")


def _up(options: argparse.Namespace, services: dict[str, object]) -> None:
    for name in options.names or services:
        image = json.loads(_file("image", options.project_name, name).read_text(encoding="utf-8"))
        container = _file("container", options.project_name, name)
        if _running(options.project_name, name) and _release(container) == image["release"]:
            continue
        _halt(options.project_name, name)
        _launch(options.project_name, name, image["release"])


def _release(container: Path) -> str:
    return str(json.loads(container.read_text(encoding="utf-8"))["release"])


def _launch(project: str, name: str, release: str) -> None:
    """Start a service's process; it outlives this program."""
    log = (STATE / f"{name}.log").open("ab")
    process = subprocess.Popen(
        [sys.executable, "-m", "runbook.demo.service", name, release],
        stdout=log,
        stderr=log,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
    )
    found = {"pid": process.pid, "release": release}
    _file("container", project, name).write_text(json.dumps(found), encoding="utf-8")


def _halt(project: str, name: str) -> None:
    process = _running(project, name)
    if process:
        process.send_signal(signal.SIGTERM)
        for _ in range(100):
            if not _running(project, name):
                return
            time.sleep(0.05)
        process.kill()


def _stop(options: argparse.Namespace, services: dict[str, object]) -> None:
    for name in options.names or services:
        _halt(options.project_name, name)


def _start(options: argparse.Namespace, services: dict[str, object]) -> None:
    for name in options.names or services:
        if not _running(options.project_name, name):
            _launch(options.project_name, name, _release(_file("container", options.project_name, name)))


def _ps(options: argparse.Namespace, services: dict[str, object]) -> None:
    for name in options.names or services:
        process = _running(options.project_name, name)
        if process:
            print(process.pid if options.q else name)  # noqa: T201


COMMANDS: dict[str, Callable[[argparse.Namespace, dict[str, object]], None]] = {
    "version": _version,
    "config": _config,
    "build": _build,
    "up": _up,
    "stop": _stop,
    "start": _start,
    "ps": _ps,
}

if __name__ == "__main__":
    sys.exit(main())
