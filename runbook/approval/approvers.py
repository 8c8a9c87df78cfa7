"""Who may authorise a rollback: people with their role, a way to reach them, and the secret of their codes.

They are kept outside the tree, in a file that nobody else may read, or as the same text in a secret of the environment.
"""

import json
import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, field_validator

from runbook import private_files
from runbook.approval import onetime
from runbook.approval.answer import Role
from runbook.errors import SettingsInvalid
from runbook.settings import Settings
from runbook.telling import team

ADD = "Add one: rollback approvers add --name … --role …; ROLLBACK_TARGET says for which target"
ANEW = "rollback approvers remove NAME, then rollback approvers add once for each target"
"""What makes an entry of an earlier version one of this."""

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=2, max_length=200)]
Target = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]


class Approver(BaseModel):
    """Somebody who may authorise a rollback."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Name
    role: Role
    target: Target = ""
    """The only target for which it counts; empty, in an entry of an earlier version: every one."""
    contact: SecretStr = SecretStr("")
    """An apprise URL or mailto:address; it may hold a token."""
    secret: SecretStr = Field(repr=False)

    @property
    def label(self) -> str:
        """What an authenticator app calls it."""
        return f"{self.name} \N{EN DASH} {self.target}" if self.target else self.name

    @property
    def fingerprint(self) -> str:
        """What the worker's store calls its secret."""
        return onetime.fingerprint(self.secret.get_secret_value())

    @field_validator("name", "target")
    @classmethod
    def _printable(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("holds characters that cannot be shown")
        return " ".join(value.split())

    @field_validator("contact")
    @classmethod
    def _reachable(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value() and not team.reachable(value.get_secret_value()):
            raise ValueError("is neither mailto:address nor a URL that apprise understands")
        return value

    @field_validator("secret")
    @classmethod
    def _strong(cls, value: SecretStr) -> SecretStr:
        onetime.check_secret(value.get_secret_value())
        return value


def same(one: str, other: str) -> bool:
    """Tell whether two names mean the same person, however they are typed."""
    return " ".join(one.split()).casefold() == " ".join(other.split()).casefold()


def find(people: Sequence[Approver], name: str) -> Approver | None:
    """Return the approver of this name."""
    return next((one for one in people if same(one.name, name)), None)


def counts(one: Approver, target: str) -> bool:
    """Return whether an entry counts for a target."""
    return not one.target or same(one.target, target)


def read(settings: Settings) -> Sequence[Approver]:
    """Return the approvers of this target; none when nothing is configured.

    Raises SettingsInvalid when they cannot be used.
    """
    return of_target(everybody(settings), settings)


def of_target(people: Sequence[Approver], settings: Settings) -> Sequence[Approver]:
    """Return those whose entry counts for this target."""
    return [one for one in people if counts(one, settings.target)]


def everybody(settings: Settings) -> Sequence[Approver]:
    """Return the approvers of all targets. Raises SettingsInvalid when they cannot be used."""
    if text := settings.approvers.get_secret_value():
        return _parsed(text, "ROLLBACK_APPROVERS")
    path = place(settings)
    if not path.exists() and not path.is_symlink():
        return []
    return _parsed(private_files.read(path, "The approvers", "ROLLBACK_APPROVERS_FILE"), str(path))


def check(settings: Settings) -> None:
    """Raise SettingsInvalid when nobody could approve."""
    people = read(settings)
    if not people:
        problem = f"No approver is configured for {settings.target}: nobody could authorise this."
        raise SettingsInvalid(problem, ADD, private_files.UNTOUCHED)
    if len(people) < settings.approvals_needed:
        raise SettingsInvalid(
            f"{settings.approvals_needed} persons must approve, and only {len(people)} is configured for "
            f"{settings.target}.",
            ADD,
            private_files.UNTOUCHED,
        )


def place(settings: Settings) -> Path:
    """Return where the file lies. Raises SettingsInvalid when that is inside the application's tree."""
    path = settings.approvers_file.expanduser().absolute()
    tree = settings.project_dir.resolve() if settings.project_dir else None
    if tree and path.resolve().is_relative_to(tree):
        raise SettingsInvalid(
            f"ROLLBACK_APPROVERS_FILE: {path} lies in the application's tree.",
            "Keep it outside.",
            private_files.UNTOUCHED,
        )
    return path


def _parsed(text: str, source: str) -> Sequence[Approver]:
    """Return the approvers of a TOML text. Errors name what is wrong and never hold a value."""
    try:
        table = tomllib.loads(text)
        people = [Approver.model_validate(one) for one in _entries(table)]
    except tomllib.TOMLDecodeError as error:
        raise _unusable(source, f"it is not TOML ({str(error).rpartition('(')[2].rstrip(')')})") from None
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))} {e['msg']}" for e in error.errors(include_input=False))
        raise _unusable(source, wrong) from None
    _check_distinct(people, source)
    return people


def _entries(table: dict[str, object]) -> list[object]:
    found = table.get("approver", [])
    if set(table) - {"approver"} or not isinstance(found, list):
        raise tomllib.TOMLDecodeError("(it must hold [[approver]] tables only)")
    return found


def _check_distinct(people: Sequence[Approver], source: str) -> None:
    """Refuse two of one name for a target, and two with one secret: either would let one person act for two."""
    entries = Counter((one.name.casefold(), one.target.casefold()) for one in people)
    for (name, target), count in entries.items():
        if count > 1:
            raise _unusable(source, f"the name {name} stands there twice" + (f" for {target}" if target else ""))
        if target and (name, "") in entries:
            raise _unusable(source, f"the name {name} stands there for {target}, and without a target for every one")
    if len({one.fingerprint for one in people}) < len(people):
        raise _unusable(source, "two approvers have the same secret")


def _unusable(source: str, why: str) -> SettingsInvalid:
    return SettingsInvalid(f"The approvers in {source} cannot be used: {why}.", "Correct it.", private_files.UNTOUCHED)


def warnings(settings: Settings) -> list[str]:
    """Say which entries count for every target. Raises SettingsInvalid when they cannot be used."""
    old = [one.name for one in everybody(settings) if not one.target]
    if not old:
        return []
    said = f"{', '.join(old)}: made by an earlier version, so a code counts for every target. Make it anew: {ANEW}."
    return [f"Approvers without a target: {said}"]


def shown_contact(one: Approver) -> str:
    """Return what may be shown of a contact: an apprise URL holds tokens, so only its schema."""
    contact = one.contact.get_secret_value()
    return f"{team.schema(contact)}://…" if "://" in contact else contact or "none"


def text(people: Sequence[Approver]) -> str:
    """Write approvers as TOML."""
    return "\n".join(_table(one) for one in people)


def _table(one: Approver) -> str:
    fields = {
        "name": one.name,
        "role": one.role,
        **({"target": one.target} if one.target else {}),
        "contact": one.contact.get_secret_value(),
        "secret": one.secret.get_secret_value(),
    }
    # A JSON string is a TOML string as well, as long as it is not escaped beyond need.
    lines = [f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["[[approver]]", *lines, ""])
