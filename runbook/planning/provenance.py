"""What a plan is made of besides its three scripts: the rest of sql/, the program's own files, and the settings.

A digest of each is in the plan's hash, so that whoever approves the plan approves them too.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import SecretStr

import sql
from runbook.settings import Settings

PACKAGE = "rollback-runbook"
FOLDERS = ("runbook", "tasks", "flows", "deployments")
"""The program's own packages, which are installed side by side."""
ELSEWHERE = ("demo", "rehearsal", "__pycache__")
"""Folders of sql/ of which a rollback runs nothing."""
IDLE = re.compile(
    "(smtp|mail|rehearsal|trial|look)_.*|run_url|template_dir|report_dir|state_dir|approvers_file|alert_webhook"
)
"""Settings that change nothing that a rollback does to the database and the services: messages, places, time limits
of looking. How old a rehearsal may be is among the rehearsal's, and shows in the plan itself."""
LOGIN = re.compile(r"//[^/@\s]*@")
"""Name and password in an address."""


def read(settings: Settings) -> Mapping[str, str]:
    """Return SHA-256 of each of the parts, by its name."""
    return {"sql/": _sql(), "program": _program(), "settings": _settings(settings)}


def _sql() -> str:
    """Return one digest over everything below sql/ that can run, and the lists that it is held against."""
    whole = hashlib.sha256()
    for name, file in sorted(_files(sql.root())):
        _add(whole, name, file.read_bytes())
    return whole.hexdigest()


def _files(folder: Traversable, before: str = "") -> Iterator[tuple[str, Traversable]]:
    for one in folder.iterdir():
        if one.is_dir() and one.name not in ELSEWHERE:
            yield from _files(one, f"{before}{one.name}/")
        elif one.is_file():
            yield before + one.name, one


@cache
def _program() -> str:
    """Return version and digest of the program as it was when this process first asked: that is what runs in it."""
    whole, home = hashlib.sha256(), Path(__file__).parents[2]
    for file in sorted(path for name in FOLDERS for path in (home / name).rglob("*") if path.is_file()):
        if "__pycache__" not in file.parts:
            _add(whole, str(file.relative_to(home)), file.read_bytes())
    try:
        return f"{version(PACKAGE)} {whole.hexdigest()}"
    except PackageNotFoundError:
        return f"not installed {whole.hexdigest()}"


def _settings(settings: Settings) -> str:
    """Return a digest over the settings that matter. No secret goes into it: it could be guessed from a digest."""
    told = {
        name: LOGIN.sub("//", str(value))
        for name, value in settings
        if not IDLE.fullmatch(name) and not isinstance(value, SecretStr)
    }
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _add(whole: "hashlib._Hash", name: str, content: bytes) -> None:
    """Add a file by its name and its own digest, so that nothing can move from one file to another."""
    whole.update(f"{name} {hashlib.sha256(content).hexdigest()}\n".encode())
