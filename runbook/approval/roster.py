"""The roster: who could approve when a run began to wait. Who was added or changed since counts for the next run."""

import hashlib
import json
from collections.abc import Mapping, Sequence

from pydantic import SecretStr

from runbook.approval import approvers
from runbook.approval.approvers import Approver
from runbook.errors import NotEntitled

BESIDE = frozenset({"contact"})
"""What may change meanwhile: how somebody is reached gives them nothing."""


def of(people: Sequence[Approver]) -> Mapping[str, str]:
    """Return a digest of each approver's entry, by name."""
    return {one.name: _digest(one) for one in people}


def check(known: Mapping[str, str] | None, people: Sequence[Approver], name: str) -> NotEntitled | None:
    """Return why the approver of this name does not count: the entry is not ``known``; None where that is not asked."""
    who = approvers.find(people, name)
    if known is None or who is None or known.get(who.name) == _digest(who):
        return None
    return NotEntitled(
        f"{who.name} was {'changed' if who.name in known else 'added'} among the approvers since this run began to "
        "wait, and counts for the next run only.",
        "Let another approver answer, or decline and ask again.",
        alarming=True,
    )


def _digest(one: Approver) -> str:
    fields = {name: _plain(value) for name, value in one if name not in BESIDE}
    return hashlib.sha256(json.dumps(fields, sort_keys=True, default=str).encode()).hexdigest()


def _plain(value: object) -> object:
    return value.get_secret_value() if isinstance(value, SecretStr) else value
