"""A git tree with two releases, and a compose program that stands in for the real one."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.application import compose
from runbook.settings import Settings

COMPOSE = """#!/bin/sh
echo "$PWD [$COMPOSE_PROJECT_NAME] $*" >> "$STAND_IN_LOG"
case "$*" in
  version) echo "stand-in 1" ;;
  config) cat "${COMPOSE_FILE:-docker-compose.yml}" || exit 1 ;;
esac
case "$1" in
  version|config) ;;
  build) if [ -e broken ]; then echo "step 3/7: no such file: src/main" >&2; exit 17; fi ;;
  ps) cat "$STAND_IN_LOG.running" ;;
  stop) [ -e "$STAND_IN_LOG.stuck" ] || : > "$STAND_IN_LOG.running" ;;
  start|up) printf 'backend\\nfrontend\\n' > "$STAND_IN_LOG.running" ;;
  *) exit 2 ;;
esac
"""
DOCKER = """#!/usr/bin/env python3
import json, os, sys
log, app = os.environ["STAND_IN_LOG"], os.environ["STAND_IN_APP"]
living = open(log + ".running").read().split()
label = "com.docker.compose."
match sys.argv[1:]:
    case ["version"]: print("stand-in 1")
    case ["ps", *_]:
        for name in ("backend", "frontend", "redis"): print(name, "Up 5 minutes" if name in living else "Exited (0)")
    case ["container", "inspect", *names]:
        state = {"ExitCode": 0, "StartedAt": "2026-01-01T00:00:00Z"}
        print(json.dumps([{
            "Id": name, "Name": "/app-" + name, "Image": "sha256:" + name,
            "State": state | {"Status": "running" if name in living else "exited"},
            "Config": {"Labels": {
                label + "project": "app", label + "service": name, label + "oneoff": "False",
                label + "project.working_dir": app, label + "project.config_files": app + "/docker-compose.yml"}},
        } for name in names]))
    case ["tag" | "rmi", *_]: pass
    case _: sys.exit("no such image")
"""
"""An engine's program that knows containers, and no image: they are built at the switch."""
FILE = "services:\n  backend: {build: .}\n  frontend: {build: .}\n"
Git = Callable[..., str]


def log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the file in which the compose program writes down how it is called."""
    path = folder / "compose.log"
    monkeypatch.setenv("STAND_IN_LOG", str(path))
    path.with_name("compose.log.running").write_text("backend\nfrontend\nredis\n")
    return path


def settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return the settings of a tree that is still empty, and put the compose program beside it."""
    for name in ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"):
        monkeypatch.delenv(name, raising=False)
    program = folder / "compose"
    program.write_text(COMPOSE)
    program.chmod(0o755)
    docker = folder / "docker"
    docker.write_text(DOCKER)
    docker.chmod(0o755)
    (folder / "app").mkdir()
    monkeypatch.setenv("STAND_IN_APP", str(folder / "app"))
    return Settings(project_dir=folder / "app", compose=(str(program),), docker=(str(docker),))


def tree(settings: Settings) -> Git:
    """Make a tree with two releases, v1 and v2 (checked out on main), and return a way to run git in it."""
    folder = compose.tree(settings)

    def git_run(*words: str) -> str:
        identity = ["-c", "user.name=t", "-c", "user.email=t@localhost", "-c", "commit.gpgsign=false"]
        return subprocess.run(["git", *identity, *words], cwd=folder, check=True, capture_output=True, text=True).stdout

    git_run("init", "-q", "-b", "main")
    (folder / ".gitignore").write_text(".env\ncache/\n")
    (folder / "docker-compose.yml").write_text(FILE)
    for number in ("1", "2"):
        (folder / "release").write_text(f"{number}\n")
        git_run("add", ".")
        git_run("commit", "-qm", f"Release {number}")
        git_run("tag", f"v{number}")
    return git_run
