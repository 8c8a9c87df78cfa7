"""The only door to the engine's program: the containers as the engine has them, with what compose wrote on them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runbook import shell
from runbook.application import compose
from runbook.errors import ProgramFailed, ProgramMissing
from runbook.settings import Settings

COMPOSE = "com.docker.compose."
LIVING = ("running", "paused", "restarting")
"""States in which a container's processes are there, or come again by themselves."""
KILLED = 137
"""The exit status of a container whose process was ended by SIGKILL."""
ROUNDS = 5
"""How often the engine is asked again when a container vanished between two questions."""


@dataclass(frozen=True)
class Container:
    """One container of the engine, running or not."""

    id: str
    name: str
    status: str
    """In the engine's words, such as ``Up 3 minutes (healthy)``."""
    state: str
    exit_code: int
    started: str
    image: str
    """The image's id."""
    ports: frozenset[int]
    """Ports of this machine that lead to it."""
    labels: Mapping[str, str]

    @property
    def living(self) -> bool:
        """Whether it runs, is paused, or is being restarted."""
        return self.state in LIVING

    @property
    def lasting(self) -> bool:
        """Whether it is a service's own container, not one that ``compose run`` made."""
        return bool(self.service) and self.labels.get(f"{COMPOSE}oneoff", "False").lower() != "true"

    @property
    def service(self) -> str:
        """The compose service that it belongs to; empty: none."""
        return self.labels.get(f"{COMPOSE}service", "")

    @property
    def project(self) -> str:
        """The compose project that it belongs to; empty: none."""
        return self.labels.get(f"{COMPOSE}project", "")

    @property
    def folder(self) -> Path:
        """The project's directory when it was made."""
        return Path(self.labels.get(f"{COMPOSE}project.working_dir", "/"))

    @property
    def files(self) -> Sequence[str]:
        """The compose files that it was made from, as compose wrote them down."""
        return [file for file in self.labels.get(f"{COMPOSE}project.config_files", "").split(",") if file]

    @property
    def environment_files(self) -> Sequence[str]:
        """The files that ``--env-file`` named when it was made."""
        return [file for file in self.labels.get(f"{COMPOSE}project.environment_file", "").split(",") if file]


def docker(settings: Settings, *arguments: str, seconds: float = compose.QUICK_SECONDS) -> str:
    """Run the engine's program. Raises ProgramFailed or ProgramMissing."""
    return shell.run(*settings.docker, *arguments, env=compose.unproxied(), seconds=seconds)


def look(settings: Settings, project: str = "") -> list[Container]:
    """Return the engine's containers, or those of one compose project. Raises ProgramFailed or ProgramMissing."""
    chosen = ("--filter", f"label={COMPOSE}project={project}") if project else ()
    for attempt in range(1, ROUNDS + 1):
        listed = docker(settings, "ps", "--all", "--no-trunc", *chosen, "--format", "{{.ID}} {{.Status}}").splitlines()
        statuses = dict(line.split(" ", 1) for line in listed if " " in line)
        try:
            told = json.loads(docker(settings, "container", "inspect", *statuses)) if statuses else []
        except ProgramFailed as error:
            if "no such container" not in error.problem.lower() or attempt == ROUNDS:
                raise
        except ValueError as error:
            raise ProgramFailed(f"{' '.join(settings.docker)} container inspect: no JSON: {error}") from None
        else:
            return [_container(one, statuses) for one in told]
    return []


def _container(told: Mapping[str, Any], statuses: Mapping[str, str]) -> Container:
    state, bound = told["State"], (told.get("NetworkSettings") or {}).get("Ports") or {}
    ports = {place.get("HostPort", "") for places in bound.values() for place in places or ()}
    return Container(
        id=told["Id"],
        name=told["Name"].lstrip("/"),
        status=statuses[told["Id"]],
        state=state["Status"],
        exit_code=state["ExitCode"],
        started=state["StartedAt"],
        image=told["Image"],
        ports=frozenset(int(port) for port in ports if port.isdigit()),
        labels=told["Config"].get("Labels") or {},
    )


def unreachable(settings: Settings) -> str | None:
    """Say why the engine cannot be asked, with what to do; None when it can."""
    try:
        docker(settings, "version")
    except (ProgramFailed, ProgramMissing) as error:
        return (
            f"Which containers run cannot be seen, since {' '.join(settings.docker)} does not work here: "
            f"{error.problem.strip()} Start the engine, or set ROLLBACK_DOCKER and DOCKER_HOST."
        )
    return None


def has(settings: Settings, kind: str, name: str) -> bool:
    """Tell whether the engine has an object, such as a volume, of this name."""
    try:
        docker(settings, kind, "inspect", name)
    except ProgramFailed:
        return False
    return True


def lasting(settings: Settings, project: str) -> list[Container]:
    """Return the containers of a project's services. Raises ProgramFailed or ProgramMissing."""
    return [one for one in look(settings, project) if one.lasting]
