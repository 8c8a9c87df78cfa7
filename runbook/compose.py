"""The only door to the compose program: docker compose, or docker-compose of either generation."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import yaml

from runbook import shell
from runbook.errors import ProgramFailed, ProgramMissing, SettingsInvalid
from runbook.settings import Settings

Words = Sequence[str]
CANDIDATES: Sequence[Words] = (("docker", "compose"), ("docker-compose",))
DEFAULT_FILE = "docker-compose.yml"

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
    seconds: float | None = None,
) -> str:
    """Run the compose program in the live tree, or in ``folder`` under another ``project`` name.

    Raises ProgramFailed or ProgramMissing.
    """
    env = _environment(settings, project)
    return shell.run(*words, *arguments, cwd=folder or tree(settings), env=env, seconds=seconds)


def defined(settings: Settings, words: Words, *, folder: Path | None = None) -> tuple[str, ...]:
    """List the services that the compose file of the live tree, or of ``folder``, defines."""
    return _lines(run(settings, words, "config", "--services", folder=folder))


def running(settings: Settings, words: Words) -> tuple[str, ...]:
    """List the services of the live tree with a running container.

    Both generations of the program know this spelling; ``ps --format json`` is known to the later one only.
    """
    return _lines(run(settings, words, "ps", "--services", "--filter", "status=running"))


def fixed_names(settings: Settings, words: Words, folder: Path) -> tuple[str, ...]:
    """List the images that are built in ``folder`` under a name that the compose file fixes for every project."""
    try:
        services = yaml.safe_load(run(settings, words, "config", folder=folder))["services"].values()
        return tuple(str(service["image"]) for service in services if {"build", "image"} <= set(service))
    except (ProgramFailed, yaml.YAMLError, TypeError, KeyError, AttributeError) as error:
        log.info("the names of the images in %s are not known: %s", folder, error)
        return ()


def tree(settings: Settings) -> Path:
    """Return the application's tree. Raises SettingsInvalid when none is set."""
    if settings.project_dir is None:
        raise SettingsInvalid("No tree with a compose file is set.", "Set ROLLBACK_PROJECT_DIR.")
    return settings.project_dir.absolute()


def _environment(settings: Settings, project: str | None) -> Mapping[str, str]:
    """Say by the environment what file and project are meant.

    A file that has the usual name is not named: naming one makes compose leave out docker-compose.override.yml.
    """
    named = {} if settings.compose_file == DEFAULT_FILE else {"COMPOSE_FILE": settings.compose_file}
    return named | ({"COMPOSE_PROJECT_NAME": project} if project else {})


def _lines(text: str) -> tuple[str, ...]:
    """Split what was printed into its words, one a line."""
    return tuple(text.split())
