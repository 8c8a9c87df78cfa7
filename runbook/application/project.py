"""Which compose project the application's containers belong to: read from their labels, not guessed.

What a variable of compose's own names explicitly is taken; where it contradicts the containers, the plan is blocked.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runbook.application import compose, containers
from runbook.application.containers import Container
from runbook.errors import ProgramFailed, ReleaseUnusable
from runbook.models import Project
from runbook.settings import Settings

NAME = "COMPOSE_PROJECT_NAME"


@dataclass(frozen=True)
class Found:
    """What runs here."""

    project: Project
    all: Sequence[Container]
    """Every container of the engine."""
    own: Sequence[Container]
    """Those of the project's services, running or not."""
    given: Mapping[str, Any]
    """What compose makes of the live tree, the services of all profiles included; empty: it cannot be used."""
    blockers: Sequence[str] = ()
    warnings: Sequence[str] = ()

    def living(self, names: Sequence[str]) -> list[Container]:
        """Return the living containers of these services."""
        return [one for one in self.own if one.living and one.service in names]


def find(settings: Settings) -> Project:
    """Return the project whose containers run, or ran last, in the live tree. Raises RollbackError."""
    return look(settings).project


def look(settings: Settings, program: Project | None = None) -> Found:
    """Look which project runs in the live tree, and from what; ``program`` where compose was found already.

    Raises ReleaseUnusable when several do, ProgramFailed or ProgramMissing when it cannot be seen.
    """
    program, every = program or compose.find(settings), containers.look(settings)
    name, own = _chosen(settings, every)
    project = replace(program, name=name)
    blockers: list[str] = []
    warnings = list(_beside(settings, name, own, every))
    if own:
        newest = max(own, key=lambda one: (one.living, one.started))
        project, blockers, more = _made_from(settings, project, newest)
        warnings += more
    try:
        given = compose.config(settings, project, whole=True)
    except ProgramFailed as error:
        problem = f"The compose file in {compose.tree(settings)} cannot be used: {error.problem}"
        raise ReleaseUnusable(problem, f"Mend it; {project.words} config shows all of it.") from None
    profiles, off = _profiles(settings, project, own, given)
    named = replace(project, profiles=profiles, name=name or _default(settings, given))
    return Found(named, every, own, given, [*blockers, *off], warnings)


def _default(settings: Settings, given: Mapping[str, Any]) -> str:
    """Return the name that compose itself gives the project; the first generation does not say it."""
    name = given.get("name") or compose.declared(settings, NAME) or compose.home(settings).name
    return re.sub(r"[^-_a-z0-9]", "", str(name).lower())


def _chosen(settings: Settings, every: Sequence[Container]) -> tuple[str, list[Container]]:
    """Return the project's name and its services' containers; both empty where there are none."""
    if explicit := os.environ.get(NAME):
        name = re.sub(r"[^-_a-z0-9]", "", explicit.lower())
        return name, [one for one in every if one.lasting and one.project == name]
    here = _here(settings, every)
    living = sorted({one.project for one in here if one.living})
    if len(living) > 1:
        raise ReleaseUnusable(
            f"Containers of {len(living)} compose projects run from {compose.tree(settings)}: {_shown(here, living)}.",
            f"Stop those that are not rolled back, or name the one that is: {NAME}={living[0]} (or {living[1]}).",
        )
    # Where all are stopped, as in an outage that was interrupted, it is the one that ran last.
    name = living[0] if living else max(here, key=lambda one: one.started).project if here else ""
    return name, [one for one in every if one.lasting and one.project == name] if name else []


def _here(settings: Settings, every: Sequence[Container]) -> list[Container]:
    """Return the named services' containers that were started from the live tree."""
    return [one for one in every if one.lasting and one.service in settings.services and _from_tree(settings, one)]


def _from_tree(settings: Settings, one: Container) -> bool:
    """Tell whether a container was made in the live tree, or from a compose file in it, by whatever path."""
    top = compose.tree(settings).resolve()
    places = [one.folder, *(one.folder / file for file in one.files)]
    return any(place.resolve().is_relative_to(top) for place in places)


def _shown(here: Sequence[Container], projects: Sequence[str]) -> str:
    """Show the living containers, project by project."""
    said = [(name, [one.name for one in here if one.project == name and one.living]) for name in projects]
    return "; ".join(f"{name} ({', '.join(names)})" for name, names in said)


def _beside(settings: Settings, name: str, own: Sequence[Container], every: Sequence[Container]) -> Iterator[str]:
    """Yield which other projects' containers run from the tree, and what runs that compose does not stop."""
    if not name:
        return
    others = [one for one in _here(settings, every) if one.living and one.project != name]
    if others:
        shown = _shown(others, sorted({one.project for one in others}))
        yield f"Another project runs from this tree and is left alone, since {NAME} says {name}: {shown}."
    once = [one.name for one in every if one.project == name and one.service and not one.lasting and one.living]
    if once:
        yield (
            f"Containers that 'compose run' made are not stopped: {', '.join(once)}. They keep the newer release; the "
            f"fence ends their sessions. To stop them: {' '.join(settings.docker)} stop {' '.join(once)}"
        )
    if own and not any(_from_tree(settings, one) for one in own):
        yield (
            f"The containers of {name} were started from {own[0].folder}, not from {compose.tree(settings)}; "
            f"{NAME} says that they are meant."
        )


def _made_from(settings: Settings, project: Project, newest: Container) -> tuple[Project, list[str], list[str]]:
    """Complete the project by what a container was made from; return it, the blockers and the warnings."""
    files, blockers, warnings = _files(settings, project, newest)
    environment = _environment_files(compose.tree(settings), newest)
    project = replace(project, files=tuple(files), environment_files=environment)
    folder, wrong = _folder(settings, project, newest)
    return replace(project, folder=folder), [*blockers, *wrong], warnings


def _files(settings: Settings, project: Project, newest: Container) -> tuple[list[str], list[str], list[str]]:
    """Return the compose files to name, none where compose itself finds them; the blockers and the warnings."""
    tree = compose.tree(settings)
    files, usual = _paths(tree, newest), compose.usual(settings, project, tree)
    made = f"The containers were made from {', '.join(files)}"
    if not files or files == [_relative(tree, tree / file) for file in usual]:
        return [], [], []
    if compose.named_files(settings):
        told = f"compose is told to use {', '.join(usual)} (COMPOSE_FILE, ROLLBACK_COMPOSE_FILE)"
        return [], [], [f"{made}; {told}, and so the release that comes back does."]
    if gone := [file for file in files if not (tree / file).is_file()]:
        remedy = f"Set COMPOSE_FILE to the files that are meant, such as COMPOSE_FILE={os.pathsep.join(usual)}"
        return [], [f"{made}, and {', '.join(gone)} is not there any more. {remedy}"], []
    return files, [], []


def _paths(tree: Path, newest: Container) -> list[str]:
    """List the compose files of a container: by their path in the tree, or by an absolute one."""
    # The first generation writes them down as they were given: relative to where it was called.
    bases = (newest.folder, *newest.folder.parents, tree)
    base = next((base for base in bases if all((base / file).is_file() for file in newest.files)), newest.folder)
    return [_relative(tree, base / file) for file in newest.files]


def _environment_files(tree: Path, newest: Container) -> tuple[str, ...]:
    files = [_relative(tree, newest.folder / file) for file in newest.environment_files]
    return () if files == [".env"] else tuple(files)


def _relative(tree: Path, path: Path) -> str:
    """Return a path as it is below the tree, whatever links lead there; one that is elsewhere as it is."""
    place, top = path.parent.resolve() / path.name, tree.resolve()
    return str(place.relative_to(top)) if place.is_relative_to(top) else str(path)


def _folder(settings: Settings, project: Project, newest: Container) -> tuple[str, list[str]]:
    """Return the project directory where it was named, and why it cannot be used."""
    tree = compose.tree(settings)
    first = next(iter(project.files or compose.usual(settings, project, tree)), compose.DEFAULT_FILE)
    if newest.folder.resolve() == (tree / first).parent.resolve() or not _from_tree(settings, newest):
        return "", []
    if newest.folder.resolve().is_relative_to(tree.resolve()):
        return _relative(tree, newest.folder / "x").removesuffix("/x").removesuffix("x") or ".", []
    return "", [
        f"The containers were started with the project directory {newest.folder}, which lies outside {tree}: what is "
        "built beside the live tree would take the live tree's files. Start them once from the compose file's folder: "
        f"cd {tree} && {project.words} up -d"
    ]


def _profiles(
    settings: Settings, project: Project, own: Sequence[Container], given: Mapping[str, Any]
) -> tuple[tuple[str, ...], list[str]]:
    """Return the profiles to name, since services of theirs run, and which services none of them covers."""
    services, on = given.get("services") or {}, list(compose.profiles(settings, project))
    begun = {one.service for one in own if one.living or one.service in settings.services}
    more: list[str] = []
    for name in sorted(begun & set(services)):
        wanted = services[name].get("profiles") or ()
        if not compose.active(services[name], [*on, *more]) and not os.environ.get("COMPOSE_PROFILES"):
            more += [profile for profile in wanted if _members(services, profile) <= begun][:1]
    off = [name for name in settings.services if name in services and not compose.active(services[name], [*on, *more])]
    return tuple([*on, *more] if more else ()), [_off(name, services, [*on, *more], project) for name in off]


def _members(services: Mapping[str, Any], profile: str) -> set[str]:
    return {name for name, one in services.items() if profile in (one.get("profiles") or ())}


def _off(name: str, services: Mapping[str, Any], on: Sequence[str], project: Project) -> str:
    wanted = services[name]["profiles"]
    also = sorted(_members(services, wanted[0]) - {name})
    said = f" (that also starts {', '.join(also)})" if also else ""
    return (
        f"{name} belongs to the profile {' or '.join(wanted)}, which is not on, so {project.words} up does not "
        f"start it again. Set COMPOSE_PROFILES={','.join([*on, wanted[0]])}{said}, or take it out of ROLLBACK_SERVICES."
    )


def elsewhere(settings: Settings, found: Found, answering: Mapping[str, str]) -> Iterator[tuple[bool, str]]:
    """Yield which named services do not run in the project, where they run instead, and whether that forbids to begin.

    ``answering``: what each service's health URL answered, where it answered at all.
    """
    tree, known = compose.tree(settings), found.project.name
    for name in settings.services:
        if found.living([name]):
            continue
        others = [one for one in found.all if one.living and _serves(one, name)]
        where = "; ".join(f"{one.name} ({_origin(one)})" for one in others)
        answer = f" {settings.health_url(name)} answers {answering[name]}." if name in answering else ""
        if others and (answer or any(_confused(settings, one, known) for one in others)):
            names = " or ".join(f"{NAME}={other}" for other in sorted({one.project for one in others if one.project}))
            remedy = f"Set {names}, or ROLLBACK_PROJECT_DIR" if names else "Correct ROLLBACK_PROJECT_DIR"
            problem = (
                f"{name} runs as {where}, which would not be stopped: the runbook looks for the project {known} of"
            )
            yield True, f"{problem} {tree}.{answer} {remedy}, or stop it by hand."
        elif answer:
            remedy = "Stop whoever serves that, or correct ROLLBACK_PROJECT_DIR, ROLLBACK_HEALTH_URLS or DOCKER_HOST."
            yield True, f"No container of {name} runs from {tree}, and yet{answer} {remedy}"
        else:
            more = f" Others of that name are left alone: {where}." if others else ""
            yield False, f"{name} does not run now; it is started with the release that comes back.{more}"


def _confused(settings: Settings, one: Container, known: str) -> bool:
    """Tell whether a container that is not the project's is likely to be meant all the same."""
    return one.project in (known, "") or _from_tree(settings, one)


def misled(settings: Settings, found: Found) -> Iterator[str]:
    """Yield which health URLs lead to a port of a container that would not be stopped."""
    own = {one.id for one in found.own}
    for name, url in settings.health_urls.items():
        holders = [one for one in found.all if one.living and url.port in one.ports]
        wrong = [one for one in holders if one.id not in own and (one.service == name or not found.living([name]))]
        if wrong and len(wrong) == len(holders) and name in settings.services:
            yield (
                f"{settings.health_url(name)}, by which {name} is seen to be healthy, leads to {wrong[0].name} "
                f"({_origin(wrong[0])}), which would not be stopped. Correct ROLLBACK_HEALTH_URLS, or set {NAME} to "
                "the project that is meant."
            )


def _serves(one: Container, name: str) -> bool:
    """Tell whether a container is a service of this name: of compose's, or of a swarm's stack."""
    swarm = one.labels.get("com.docker.swarm.service.name", "")
    stack = one.labels.get("com.docker.stack.namespace", "")
    return (one.lasting and one.service == name) or swarm in (name, f"{stack}_{name}") or one.name == name


def _origin(one: Container) -> str:
    """Say where a container comes from."""
    if swarm := one.labels.get("com.docker.swarm.service.name"):
        return f"a task of the swarm's service {swarm}, which compose cannot stop"
    return f"project {one.project}, started from {one.folder}" if one.project else "not compose's"
