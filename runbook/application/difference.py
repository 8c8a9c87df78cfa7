"""How the compose files of two commits differ: read as they are written, before anything is checked out."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from runbook.application import git
from runbook.models import Project, Release
from runbook.settings import Settings

SHOWN = ("image", "volumes", "ports", "command")
"""What of a service's definition a warning shows, secrets are not in these; any other key is only named."""


def has(folder: Path, tag: str, file: str) -> bool:
    """Tell whether a file is there when a tag is checked out: the tag's, one that git ignores, or one elsewhere."""
    if Path(file).is_absolute():
        return Path(file).is_file()
    known = git.ask(folder, "cat-file", "-e", f"refs/tags/{tag}:{file}") is not None
    return known or ((folder / file).is_file() and _ignored(folder, file))


def _ignored(folder: Path, file: str) -> bool:
    """Tell whether a file is kept beside git, so that every release has it."""
    return git.ask(folder, "check-ignore", "--quiet", "--", file) is not None


def services(folder: Path, commit: str, files: Sequence[str]) -> dict[str, dict[str, Any]] | None:
    """Return the services that a commit's compose files define, as written; None where that does not tell all."""
    found: dict[str, dict[str, Any]] = {}
    for file in files:
        text = git.ask(folder, "show", f"{commit}:{file}") if not Path(file).is_absolute() else None
        if text is None and (folder / file).is_file():
            text = (folder / file).read_text(encoding="utf-8", errors="replace")
        given = _read(text)
        if given is None or "include" in given:
            return None
        for name, one in (given.get("services") or {}).items():
            found[str(name)] = found.get(str(name), {}) | (one if isinstance(one, dict) else {})
    return found


def _read(text: str | None) -> dict[str, Any] | None:
    """Read a compose file; None where it cannot be read. Compose's own tags, such as !reset, are passed over."""
    try:
        given = yaml.load(text or "", Loader=_Loader)  # noqa: S506 - a SafeLoader that knows one more thing
    except (yaml.YAMLError, TypeError, ValueError):
        return None
    return given if isinstance(given, dict) else None


class _Loader(yaml.SafeLoader):
    """A safe loader that passes over tags it does not know."""


_Loader.add_multi_constructor("!", lambda *_: None)


def judged(
    settings: Settings, release: Release, files: tuple[Sequence[str], Sequence[str]], running: Sequence[str]
) -> Iterator[tuple[bool, str]]:
    """Yield what the switch means for services, and whether that forbids to begin.

    ``files`` are the compose files now and at the release; ``running`` the services that run.
    """
    folder = Path(settings.project_dir or ".").absolute()
    now, then = (services(folder, *one) for one in zip(("HEAD", release.commit), files, strict=True))
    if now is None or then is None:
        return
    for name in [name for name in settings.services if name in now and name not in then]:
        yield False, f"{release.tag} has no service {name}: it is stopped, and stays stopped."
    for name in [name for name in running if name not in then and name not in settings.services]:
        yield from _left(release, name, now.get(name, {}))
    beside = [name for name in running if name in then and name in now and name not in settings.services]
    for name in [name for name in beside if now[name] != then[name]]:
        yield (
            False,
            (
                f"{name} is started anew with the release's definition, which differs from today's: "
                f"{_differing(now[name], then[name])}."
            ),
        )


def _left(release: Release, name: str, definition: Mapping[str, Any]) -> Iterator[tuple[bool, str]]:
    """Say that a service which only the newer release has goes on."""
    if definition.get("build"):
        said = (
            f"{name} runs, is built of the newer release, and {release.tag} has no such service: it would work on, on "
        )
        remedy = "the old schema. Name it in ROLLBACK_SERVICES too: then it is stopped, and stays stopped."
        yield True, said + remedy
    else:
        yield False, f"{release.tag} has no service {name}: it goes on as it is."


def _differing(now: Mapping[str, Any], then: Mapping[str, Any]) -> str:
    """Name the keys of two definitions that differ, the telling ones with their values."""
    keys = [key for key in {**now, **then} if now.get(key) != then.get(key)]
    told = {key: f"{key} {_brief(now.get(key))} becomes {_brief(then.get(key))}" for key in SHOWN}
    return "; ".join(told.get(key, key) for key in keys)


def _brief(value: object) -> str:
    """Show a value of a definition in one line."""
    return "nothing" if value is None else ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def environment_files(folder: Path, project: Project, files: Sequence[str]) -> list[str]:
    """List the files that services of a tree read their environment from, besides .env."""
    found = list(project.environment_files)
    for file in files:
        given = (
            _read((folder / file).read_text(encoding="utf-8", errors="replace")) if (folder / file).is_file() else {}
        )
        for one in ((given or {}).get("services") or {}).values():
            named = one.get("env_file") if isinstance(one, dict) else None
            for entry in named if isinstance(named, list) else [named]:
                path = entry.get("path") if isinstance(entry, dict) else entry
                found += [os.path.normpath(Path(file).parent / str(path))] if path else []
    return [path for path in dict.fromkeys(found) if not path.startswith(("/", ".."))]
