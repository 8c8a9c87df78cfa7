"""Stand-in for docker compose, for the demo on a machine without Docker: what the runbook uses of it."""

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from runbook.demo import engine

Services = dict[str, dict[str, Any]]


def main() -> int:
    """Run one command and return its exit status."""
    options = _arguments()
    services = _services(options) if options.command != "version" else {}
    return COMMANDS[options.command](options, services) or 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="demo-compose")
    parser.add_argument("-f", "--file", default=os.environ.get("COMPOSE_FILE", "docker-compose.yml"))
    parser.add_argument("-p", "--project-name", default=os.environ.get("COMPOSE_PROJECT_NAME", "demo"))
    parser.add_argument("--project-directory")
    parser.add_argument("--env-file")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("version", "config", "build", "up", "stop", "start", "ps"):
        command = commands.add_parser(name)
        command.add_argument("names", nargs="*")
        for flag in ("-d", "-q", "--services", "--images", "--short", "--no-build"):
            command.add_argument(flag, action="store_true")
        for valued in ("--filter", "-t", "--format"):
            command.add_argument(valued)
    once = commands.add_parser("run")
    for flag in ("--rm", "--no-deps", "-T"):
        once.add_argument(flag, action="store_true")
    once.add_argument("--name")
    once.add_argument("service")
    once.add_argument("words", nargs=argparse.REMAINDER)
    return parser.parse_args()


def _services(options: argparse.Namespace) -> Services:
    """Read the services from all files, of which a later one adds to an earlier."""
    found: Services = {}
    for file in options.file.split(os.pathsep):
        for name, service in yaml.safe_load(Path(file).read_text(encoding="utf-8"))["services"].items():
            found[name] = {**found.get(name, {}), **service}
    return found


def _named(options: argparse.Namespace, services: Services) -> dict[str, str]:
    """Return the image's name of each service that is meant."""
    usual = {name: f"{options.project_name}-{name}" for name in options.names or services}
    return {name: str(services[name].get("image", image)) for name, image in usual.items()}


def _version(*_: object) -> None:
    print("demo-compose 1.0")  # noqa: T201 - this program speaks to its caller


def _config(options: argparse.Namespace, services: Services) -> None:
    if options.services or options.images:
        print("\n".join(services if options.services else _named(options, services).values()))  # noqa: T201
    else:
        print(yaml.safe_dump({"name": options.project_name, "services": services}))  # noqa: T201


def _build(options: argparse.Namespace, services: Services) -> None:
    folder = Path(options.file.split(os.pathsep)[0]).parent
    release = (folder / "RELEASE").read_text(encoding="utf-8").strip()
    for image in _named(options, services).values():
        engine.build(image, release)


def _up(options: argparse.Namespace, services: Services) -> None:
    for name, image in _named(options, services).items():
        release = engine.release_of(image)
        if engine.alive(options.project_name, name) and engine.has(options.project_name, name) == release:
            continue
        engine.halt(options.project_name, name)
        files = options.file.split(os.pathsep)
        engine.launch(options.project_name, name, release, Path(files[0]).absolute().parent, files)


def _run(options: argparse.Namespace, services: Services) -> int:
    image = str(services[options.service].get("image", f"{options.project_name}-{options.service}"))
    return engine.once(options.service, engine.release_of(image), options.words)


def _stop(options: argparse.Namespace, services: Services) -> None:
    for name in options.names or services:
        engine.halt(options.project_name, name)


def _start(options: argparse.Namespace, services: Services) -> None:
    for name in options.names or services:
        if not engine.alive(options.project_name, name):
            engine.relaunch(options.project_name, name)


def _ps(options: argparse.Namespace, services: Services) -> None:
    for name in options.names or services:
        process = engine.alive(options.project_name, name)
        if process:
            print(process.pid if options.q else name)  # noqa: T201


COMMANDS: dict[str, Callable[[argparse.Namespace, Services], int | None]] = {
    "version": _version,
    "config": _config,
    "build": _build,
    "up": _up,
    "run": _run,
    "stop": _stop,
    "start": _start,
    "ps": _ps,
}

if __name__ == "__main__":
    sys.exit(main())
