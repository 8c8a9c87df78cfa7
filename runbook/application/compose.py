"""The only door to the compose program: docker compose, or docker-compose of either generation."""

import logging
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from runbook import shell
from runbook.errors import ProgramFailed, ProgramMissing, SettingsInvalid
from runbook.settings import Settings

Words = Sequence[str]
Files = Sequence[str]
CANDIDATES: Sequence[Words] = (("docker", "compose"), ("docker-compose",))
DEFAULT_FILE = "docker-compose.yml"
OVERRIDES = ("docker-compose.override.yml", "docker-compose.override.yaml")

log = logging.getLogger(__name__)


def find(settings: Settings) -> tuple[str, ...]:
    """Return the words of the compose program: the one that is set, or the first that works. Raises ProgramMissing."""
    complaints = []
    for words in (settings.compose,) if settings.compose else CANDIDATES:
        try:
            shell.run(*words, "version", seconds=30)
        except (ProgramMissing, ProgramFailed) as error:
            complaints.append(f"{' '.join(words)}: {error.problem.strip()}")
        else:
            return tuple(words)
    raise ProgramMissing(
        f"No compose program works here. {' '.join(complaints)}",
        "Install docker compose or docker-compose, or set ROLLBACK_COMPOSE to its words.",
    )


def run(
    settings: Settings,
    words: Words,
    *arguments: str,
    folder: Path | None = None,
    project: str | None = None,
    files: Files = (),
    seconds: float | None = None,
) -> str:
    """Run the compose program in the live tree, or in ``folder``, under another ``project`` name, from other ``files``.

    Raises ProgramFailed or ProgramMissing.
    """
    env = _environment(settings, project, files)
    return shell.run(*words, *arguments, cwd=folder or tree(settings), env=env, seconds=seconds)


def running(settings: Settings, words: Words) -> tuple[str, ...]:
    """List the services of the live tree with a running container.

    Both generations of the program know this spelling; ``ps --format json`` is known to the later one only.
    """
    return _lines(run(settings, words, "ps", "--services", "--filter", "status=running"))


def config(settings: Settings, words: Words, *, folder: Path | None = None) -> dict[str, Any]:
    """Return what compose makes of the files of the live tree, or of ``folder``. Raises ProgramFailed."""
    try:
        given = yaml.safe_load(run(settings, words, "config", folder=folder))
    except yaml.YAMLError as error:
        raise ProgramFailed(f"{' '.join(words)} config: what it says is no YAML: {error}") from None
    return given if isinstance(given, dict) else {}


def built(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services whose images are built here, by name."""
    services = given.get("services") or {}
    return {name: service for name, service in services.items() if "build" in service}


@contextmanager
def renamed(settings: Settings, given: Mapping[str, Any], folder: Path, names: Mapping[str, str]) -> Iterator[Files]:
    """Lend the compose files with which a build in ``folder`` gives the services' images these ``names``."""
    if not names:
        yield ()
        return
    # The first generation wants the same version in every file.
    version = {"version": given["version"]} if "version" in given else {}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(version | {"services": {name: {"image": image} for name, image in names.items()}}, file)
        file.flush()
        yield (*_files(settings, folder), file.name)


def _files(settings: Settings, folder: Path) -> Files:
    """List the compose files of ``folder`` as compose itself takes them when none is named."""
    if settings.compose_file != DEFAULT_FILE:
        return (settings.compose_file,)
    if named := os.environ.get("COMPOSE_FILE"):
        return (named,)
    return (DEFAULT_FILE, *(name for name in OVERRIDES if (folder / name).exists()))


def tree(settings: Settings) -> Path:
    """Return the application's tree. Raises SettingsInvalid when none is set."""
    if settings.project_dir is None:
        raise SettingsInvalid("No tree with a compose file is set.", "Set ROLLBACK_PROJECT_DIR.")
    return settings.project_dir.absolute()


def home(settings: Settings) -> Path:
    """Return the folder that compose takes for the project's: the first compose file's."""
    return (tree(settings) / settings.compose_file).parent.resolve()


def _environment(settings: Settings, project: str | None, files: Files) -> Mapping[str, str]:
    """Say by the environment what file and project are meant.

    A file that has the usual name is not named: naming one makes compose leave out docker-compose.override.yml.
    """
    if not files and settings.compose_file != DEFAULT_FILE:
        files = (settings.compose_file,)
    named = {"COMPOSE_FILE": os.pathsep.join(files)} if files else {}
    return named | ({"COMPOSE_PROJECT_NAME": project} if project else {})


def _lines(text: str) -> tuple[str, ...]:
    """Split what was printed into its words, one a line."""
    return tuple(text.split())
