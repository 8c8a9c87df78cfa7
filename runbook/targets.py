"""The targets of a worker: one private file NAME.env each, which says in what environment a run for it works.

A run names its target and nothing else. The files are the list of targets that this worker takes.
"""

import re
from pathlib import Path

from runbook import env_file, private_files
from runbook.errors import RunRefused, SettingsInvalid
from runbook.settings import Settings

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,62}")
DATABASE = ("PGSERVICE", "PGHOST", "PGDATABASE")
"""A file must set one of these: else a run would work on whatever database the worker's own environment names."""
TARGET = "ROLLBACK_TARGET"
SETTING = "ROLLBACK_TARGETS_DIR"
NOTHING = "Nothing was started, nothing was touched."


def folder(settings: Settings) -> Path:
    """Return where the worker's targets are."""
    place = settings.targets_dir or settings.approvers_file.expanduser().parent / "targets"
    return place.expanduser().absolute()


def names(settings: Settings) -> list[str]:
    """List the targets that this worker has."""
    return sorted(file.stem for file in folder(settings).glob("*.env") if NAME.fullmatch(file.stem))


def read(name: str, settings: Settings) -> dict[str, str]:
    """Return the variables of a target, its name among them. Raises RunRefused, SettingsInvalid."""
    path = folder(settings) / f"{name}.env"
    if not NAME.fullmatch(name) or not path.is_file():
        raise _unknown(name, settings)
    found = env_file.read(path, f"The target {name}", SETTING)
    if found.get(TARGET, name) != name:
        raise _unusable(path, f"it says {TARGET}={found[TARGET]}", f"Write {TARGET}={name}, or leave the line out.")
    if not any(found.get(one) for one in DATABASE):
        raise _unusable(path, "it names no database", "Add a line such as PGSERVICE=digitaltwin-production.")
    return {**found, TARGET: name}


def none(settings: Settings) -> SettingsInvalid:
    """Say that this worker has no target at all."""
    return SettingsInvalid(
        f"This worker has no target: {folder(settings)} holds no NAME.env.", _make(settings), NOTHING
    )


def _unknown(name: str, settings: Settings) -> RunRefused:
    known = ", ".join(names(settings)) or "none"
    return RunRefused(f"This worker has no target {name!a} (it has: {known}).", _make(settings), NOTHING)


def _make(settings: Settings) -> str:
    return (
        f"Make the file {folder(settings)}/NAME.env, mode 0600, as deployments/host/targets/ shows; from an earlier "
        "version's prefect.yaml: python -m deployments.targets FILE --write"
    )


def _unusable(path: Path, why: str, remedy: str) -> SettingsInvalid:
    return SettingsInvalid(f"The target's file {path} cannot be used: {why}.", remedy, private_files.UNTOUCHED)
