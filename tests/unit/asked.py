"""A question to approvers, who they are, and what the rules make of their answers. The clock is the test's own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from runbook.approval import authority, onetime
from runbook.approval.answer import Answer, Approval, Role
from runbook.approval.approvers import Approver
from runbook.approval.authority import Past, Question
from runbook.errors import NotEntitled
from runbook.settings import Settings

NOW = datetime(2026, 11, 22, 22, 10, 5, tzinfo=UTC)
HASH = "1f3a2b4c5d6e" + "0" * 52


def person(name: str, role: Role, letter: str) -> Approver:
    return Approver(name=name, role=role, secret=SecretStr(letter * 32))


ADA = person("Ada Lovelace", "CTO", "A")
THEO = person("Theo Lead", "Team Lead", "B")
OLGA = person("Olga Oncall", "On-call Engineer", "C")
PEOPLE = [ADA, THEO, OLGA]
QUESTION = Question(HASH, NOW, NOW + timedelta(minutes=20), "Ann Archer")
SETTINGS = Settings(_env_file=None)


def at(minutes: float) -> datetime:
    return NOW + timedelta(minutes=minutes)


def code(who: Approver, when: datetime = NOW) -> str:
    return onetime.code(who.secret.get_secret_value(), onetime.step(when))


def answer(who: Approver = ADA, when: datetime = NOW, **changes: Any) -> Answer:
    said = {"decision": "approve", "name": who.name, "role": who.role, "plan": HASH[:12], "code": code(who, when)}
    return Answer.model_validate({**said, **changes})


def check(
    said: Answer,
    *,
    question: Question = QUESTION,
    past: Past | None = None,
    now: datetime = NOW,
    people: Sequence[Approver] = PEOPLE,
    needs_words: bool = False,
    **changes: Any,
) -> Approver:
    settings = SETTINGS.model_copy(update=changes)
    return authority.check(said, question, people, past or Past(), settings=settings, now=now, needs_words=needs_words)


def refused(said: Answer, **more: Any) -> NotEntitled:
    with pytest.raises(NotEntitled) as caught:
        check(said, **more)
    assert said.code.get_secret_value() not in str(caught.value) or len(said.code.get_secret_value()) < 6
    return caught.value


def approval(who: Approver) -> Approval:
    return Approval(decision="approve", name=who.name, role=who.role)
