"""Make the worker's targets from an earlier version's prefect.yaml: python -m deployments.targets [FILE] [--write].

There the deployments carried what their runs had in their environment; now a file of each target on the worker does.
"""

import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from cyclopts import App

from deployments import admission
from runbook import private_files, settings, targets
from runbook.errors import RollbackError, SettingsInvalid

PLAIN = re.compile(r"[\w./:@%+,=-]*")
REFERENCE = "{{"

app = App(
    name="python -m deployments.targets", help="The worker's targets, from the prefect.yaml of an earlier version."
)


@app.default
def main(file: Path = admission.ROOT / "prefect.yaml", /, *, write: bool = False) -> int:
    """Print the files, or write those that are missing.

    Parameters
    ----------
    file
        A prefect.yaml whose deployments carry the environment of their runs.
    write
        Write them, with mode 0600, to where this user's settings say.
    """
    try:
        loaded = settings.load()
        for name, variables in read(file).items():
            path = targets.folder(loaded) / f"{name}.env"
            sys.stdout.write(f"{_write(path, variables) if write else f'# {path}'}\n{text(variables)}\n")
    except (RollbackError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def read(file: Path) -> dict[str, dict[str, str]]:
    """Return the variables of each target in a prefect.yaml. Raises SettingsInvalid."""
    try:
        entries = yaml.safe_load(file.read_text(encoding="utf-8"))["deployments"]
        said = [entry["work_pool"]["job_variables"]["env"] for entry in entries]
        named = [(str(env[targets.TARGET]), env) for env in said]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as error:
        raise _invalid(file, f"{type(error).__name__}: {error}") from None
    found: dict[str, dict[str, str]] = {}
    for name, env in named:
        if not targets.NAME.fullmatch(name):
            raise _invalid(file, f"{name} is no name for a target")
        _add(found.setdefault(name, {}), env, f"{file}: {name}")
    return found


def _add(variables: dict[str, str], env: Mapping[str, Any], where: str) -> None:
    """Add a deployment's variables to its target's. Raises SettingsInvalid where two deployments differ."""
    for name, value in env.items():
        if name not in admission.FIXED and variables.setdefault(name, str(value)) != str(value):
            raise SettingsInvalid(
                f"{where} has two values of {name}.", "Write the file by hand.", private_files.UNTOUCHED
            )


def text(variables: Mapping[str, str]) -> str:
    """Return a target's file. A reference to Prefect's blocks becomes a comment: secrets belong into a file here."""
    lines = [_line(name, value) for name, value in variables.items()]
    return "\n".join([*lines, ""])


def _line(name: str, value: str) -> str:
    if REFERENCE in value:
        return f"# {name} came from Prefect ({value}): write it here, or into the file that the setting names."
    # As both a shell and the reader of these files take it.
    escaped = value.replace("\\", "\\\\")
    quoted = '"' + escaped.replace('"', '\\"') + '"' if "'" in value else f"'{escaped}'"
    quoted = value if PLAIN.fullmatch(value) else quoted
    return f"{name}={quoted}"


def _write(path: Path, variables: Mapping[str, str]) -> str:
    """Write one file unless it is there, and say which was done."""
    if path.exists():
        return f"# {path}: already there, left as it is. It would be:"
    path.parent.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
    private_files.write(path, text(variables))
    return f"# {path}: written"


def _invalid(file: Path, why: str) -> SettingsInvalid:
    return SettingsInvalid(
        f"{file} names no targets with their environment ({why}).",
        "Name the prefect.yaml of the version before, such as by git show EARLIER_TAG:prefect.yaml > ~/prefect.yaml.",
        private_files.UNTOUCHED,
    )


if __name__ == "__main__":
    sys.exit(app())
