"""The only door to the compose program: docker compose, or docker-compose of either generation."""

import os
import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from runbook import shell
from runbook.errors import ProgramFailed, ProgramMissing, SettingsInvalid
from runbook.models import Project
from runbook.settings import Settings

Words = Sequence[str]
Files = Sequence[str]
CANDIDATES: Sequence[Words] = (("docker", "compose"), ("docker-compose",))
DEFAULT_FILE = "docker-compose.yml"
"""The value of ROLLBACK_COMPOSE_FILE with which compose itself finds its files."""
USUAL = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDES = tuple(name.replace(".y", ".override.y") for name in USUAL)
"""The names under which compose itself finds its files, in the present generation's order."""
QUICK_SECONDS = 60.0
"""How long a command may take that only reads."""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def find(settings: Settings) -> Project:
    """Return the compose program: the one that is set, or the first that works. Raises ProgramMissing."""
    complaints = []
    for words in (settings.compose,) if settings.compose else CANDIDATES:
        try:
            said = shell.run(*words, "version", seconds=QUICK_SECONDS)
        except (ProgramMissing, ProgramFailed) as error:
            complaints.append(f"{' '.join(words)}: {error.problem.strip()}")
        else:
            return Project(tuple(words), classic=re.search(r"docker-compose version 1\.", said) is not None)
    raise ProgramMissing(
        f"No compose program works here. {' '.join(complaints)}",
        "Install docker compose or docker-compose, or set ROLLBACK_COMPOSE to its words.",
    )


def run(
    settings: Settings,
    project: Project,
    *arguments: str,
    folder: Path | None = None,
    name: str | None = None,
    files: Files = (),
    seconds: float = QUICK_SECONDS,
) -> str:
    """Run the compose program in the live tree, or in ``folder``, under another ``name``, from other ``files``.

    Raises ProgramFailed or ProgramMissing.
    """
    place = folder or tree(settings)
    env = _environment(settings, project, name, files)
    options = [word for file in project.environment_files for word in ("--env-file", str(place / file))]
    options += ["--project-directory", str(place / project.folder)] if project.folder else []
    return shell.run(*project.program, *options, *arguments, cwd=place, env=env, seconds=seconds)


def config(
    settings: Settings, project: Project, *, folder: Path | None = None, files: Files = (), whole: bool = False
) -> dict[str, Any]:
    """Return what compose makes of the files of the live tree, or of ``folder``. Raises ProgramFailed.

    ``whole``: with the services whose profiles are not on.
    """
    known = replace(project, profiles=("*",)) if whole else project
    try:
        given = yaml.safe_load(run(settings, known, "config", folder=folder, files=files))
    except yaml.YAMLError as error:
        raise ProgramFailed(f"{project.words} config: what it says is no YAML: {error}") from None
    found: dict[str, Any] = given if isinstance(given, dict) else {}
    # The first generation shows every service, whatever the profiles.
    services = found.get("services") or {}
    on = None if whole else profiles(settings, project)
    return found | {"services": {name: one for name, one in services.items() if active(one, on)}}


def active(service: Mapping[str, Any], on: Sequence[str] | None) -> bool:
    """Tell whether a service is started when these profiles are on; None: all are."""
    wanted = service.get("profiles") or ()
    return on is None or not wanted or "*" in on or bool(set(wanted) & set(on))


def profiles(settings: Settings, project: Project) -> Sequence[str]:
    """Return the profiles that are on: the project's, or what compose itself finds."""
    return project.profiles or [word for word in re.split(r"[,\s]+", declared(settings, "COMPOSE_PROFILES")) if word]


def declared(settings: Settings, name: str) -> str:
    """Return a variable of compose's own as it finds it: in the environment, or in .env beside the compose file."""
    if name in os.environ:
        return os.environ[name]
    file = home(settings) / ".env"
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else []
    found = [re.fullmatch(rf"\s*(?:export\s+)?{name}\s*=\s*(.*?)\s*", line) for line in lines]
    return next((one[1].strip("\"'") for one in reversed(found) if one), "")


def usual(settings: Settings, project: Project, folder: Path) -> Files:
    """List the compose files of ``folder`` as compose itself finds them when the runbook names none."""
    return usual_among(settings, project, lambda name: (folder / name).exists())


def usual_among(settings: Settings, project: Project, exists: Callable[[str], bool]) -> Files:
    """List the compose files that compose itself finds where these exist."""
    if named := named_files(settings):
        return named
    names = [*USUAL[2:], *USUAL[:2]] if project.classic else USUAL
    return tuple(filter(None, (next(filter(exists, some), "") for some in (names, OVERRIDES))))


def named_files(settings: Settings) -> Files:
    """List the compose files that a setting names; nothing where compose finds them by their usual names."""
    if settings.compose_file != DEFAULT_FILE:
        return (settings.compose_file,)
    separator = declared(settings, "COMPOSE_PATH_SEPARATOR") or os.pathsep
    return tuple(filter(None, declared(settings, "COMPOSE_FILE").split(separator)))


def built(given: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the services whose images are built here, by name."""
    return {name: service for name, service in (given.get("services") or {}).items() if service.get("build")}


@contextmanager
def renamed(
    settings: Settings, project: Project, given: Mapping[str, Any], folder: Path, names: Mapping[str, str]
) -> Iterator[Files]:
    """Lend the compose files with which a build in ``folder`` gives the services' images these ``names``."""
    if not names:
        yield ()
        return
    # The first generation wants the same version in every file.
    version = {"version": given["version"]} if "version" in given else {}
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        yaml.safe_dump(version | {"services": {name: {"image": image} for name, image in names.items()}}, file)
        file.flush()
        yield (*(project.files or usual(settings, project, folder)), file.name)


def tree(settings: Settings) -> Path:
    """Return the application's tree. Raises SettingsInvalid when none is set."""
    if settings.project_dir is None:
        raise SettingsInvalid("No tree with a compose file is set.", "Set ROLLBACK_PROJECT_DIR.")
    return settings.project_dir.absolute()


def home(settings: Settings) -> Path:
    """Return the folder that compose takes for the project's: the first compose file's."""
    return (tree(settings) / settings.compose_file).parent.resolve()


def _environment(settings: Settings, project: Project, name: str | None, files: Files) -> dict[str, str]:
    """Say by the environment what name, files and profiles are meant.

    A file that has the usual name is not named: naming one makes compose leave out docker-compose.override.yml.
    """
    if not (files or project.files) and settings.compose_file != DEFAULT_FILE:
        files = (settings.compose_file,)
    env = unproxied()
    if given := files or project.files:
        env |= {"COMPOSE_FILE": os.pathsep.join(given), "COMPOSE_PATH_SEPARATOR": os.pathsep}
    if name or project.name:
        env["COMPOSE_PROJECT_NAME"] = name or project.name
    if project.profiles:
        env["COMPOSE_PROFILES"] = ",".join(project.profiles)
    return env


def unproxied() -> dict[str, str]:
    """Return the variables by which programs leave the proxy out for addresses of this machine."""
    found = {word for name in ("NO_PROXY", "no_proxy") for word in os.environ.get(name, "").split(",") if word}
    return dict.fromkeys(("NO_PROXY", "no_proxy"), ",".join(sorted(found | set(LOOPBACK))))
