"""Adding and removing approvers in the file that keeps them."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import SecretStr, ValidationError

from runbook import private_files
from runbook.approval import approvers, onetime
from runbook.approval.answer import Role
from runbook.approval.approvers import Approver
from runbook.errors import SettingsInvalid
from runbook.settings import Settings


def add(settings: Settings, name: str, role: Role, contact: str = "") -> Approver:
    """Add an approver of this target with a new secret and return it.

    Raises SettingsInvalid, also when the name is taken for this target.
    """
    one = _made(settings, name, role, contact)
    with _changing(settings) as path:
        people = approvers.everybody(settings)
        if there := approvers.find(approvers.of_target(people, settings), one.name):
            raise SettingsInvalid(
                f"There is an approver called {one.name} for {there.target or 'every target'} already.",
                f"For a new secret: rollback approvers remove '{one.name}', then add.",
            )
        private_files.write(path, approvers.text([*people, one]))
    return one


def remove(settings: Settings, name: str) -> Approver:
    """Remove an approver of this target and return it. Raises SettingsInvalid when there is none of this name."""
    with _changing(settings) as path:
        people = approvers.everybody(settings)
        gone = approvers.find(approvers.of_target(people, settings), name)
        if gone is None:
            raise SettingsInvalid(
                f"There is no approver called {name} for {settings.target}.",
                "See rollback approvers list; ROLLBACK_TARGET says for which target.",
            )
        private_files.write(path, approvers.text([one for one in people if one is not gone]))
    return gone


def _made(settings: Settings, name: str, role: Role, contact: str) -> Approver:
    if not settings.target.strip():
        raise SettingsInvalid("ROLLBACK_TARGET is empty.", "Set it: an approver is one of a target.")
    secret, reached = SecretStr(onetime.make_secret()), SecretStr(contact)
    try:
        return Approver(name=name, role=role, target=settings.target, contact=reached, secret=secret)
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingsInvalid(f"This approver cannot be added: {wrong}.", "Correct it.") from None


@contextmanager
def _changing(settings: Settings) -> Iterator[Path]:
    """Make the folder and keep a second writer out. Raises SettingsInvalid when the file is not what counts."""
    if settings.approvers.get_secret_value():
        raise SettingsInvalid(
            "ROLLBACK_APPROVERS is set and takes the place of the file.", "Change that secret, or unset it here."
        )
    path = approvers.place(settings)
    try:
        path.parent.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield path
        finally:
            os.close(folder)
    except OSError as error:
        raise SettingsInvalid(f"{path} cannot be written: {error.strerror}.", "Set ROLLBACK_APPROVERS_FILE.") from None
