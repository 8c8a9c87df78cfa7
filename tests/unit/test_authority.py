"""The rules of authority, each with somebody who tries to get round it."""

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from runbook.approval import authority, reminders
from runbook.approval.approvers import Approver
from tests.unit.asked import (
    ADA,
    HASH,
    NOW,
    OLGA,
    PEOPLE,
    QUESTION,
    SETTINGS,
    THEO,
    answer,
    approval,
    at,
    check,
    refused,
)


@pytest.mark.parametrize("who", [ADA, THEO], ids=lambda who: who.role)
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_team_lead_and_cto_count(who: Approver, decision: str) -> None:
    assert check(answer(who, decision=decision)) == who


@pytest.mark.attack(
    "api", "answers under a name that is no approver's", "only who stands in the approvers' file counts"
)
def test_somebody_else_is_refused() -> None:
    refusal = refused(answer(name="Mallory\n# approved"))
    assert refusal.problem == "Mallory # approved is not an approver."
    assert refusal.alarming
    assert not refusal.proved


@pytest.mark.attack(
    "api",
    "answers under an approver's name with a role that they do not have",
    "the role is the one in the approvers' file",
)
def test_a_role_that_one_has_not_is_refused() -> None:
    assert "is On-call Engineer, not CTO" in refused(answer(OLGA, role="CTO")).problem


@pytest.mark.attack(
    "api",
    "approves as On-call Engineer while the Team Lead may still answer",
    "they count after the lead's silence, or with the reason in words",
)
def test_the_on_call_engineer_does_not_count_before_the_time() -> None:
    refusal = refused(answer(OLGA, at(9), lead_unreachable=" short "), now=at(9))
    assert "2026-11-22 22:20:05 UTC" in refusal.problem
    assert check(answer(OLGA, at(10)), now=at(10)) == OLGA
    assert refused(answer(OLGA, at(10)), now=at(10), lead_silence_minutes=15).proved


def test_the_on_call_engineer_counts_with_the_reason_why_the_lead_is_unreachable() -> None:
    assert check(answer(OLGA, lead_unreachable="On a plane until six.")) == OLGA


def test_the_on_call_engineer_does_not_count_beside_a_lead_who_answered() -> None:
    beside = replace(QUESTION, given=[approval(THEO)])
    refused(answer(OLGA, lead_unreachable="On a plane until six."), question=beside)
    refused(answer(OLGA, at(15)), question=beside, now=at(15))


def test_a_sign_of_life_of_the_lead_begins_the_silence_anew() -> None:
    refused(answer(OLGA, at(12)), question=replace(QUESTION, asked=at(5)), now=at(12))


@pytest.mark.attack(
    "api",
    "approves without naming the plan, or names a bit of its hash",
    "an answer names eight digits of the hash of the plan that waits",
)
@pytest.mark.parametrize("plan", ["", "1f3a2b4", "1f3a2b4c5d6f", "0" * 64, "zzzzzzzzz"])
def test_an_answer_names_the_plan(plan: str) -> None:
    assert "plan" in refused(answer(plan=plan)).problem.lower()


@pytest.mark.attack("api", "uses an answer to another plan", "an answer counts for the plan that it names")
def test_a_changed_plan_voids_an_answer() -> None:
    refusal = refused(answer(), question=replace(QUESTION, plan_hash="2" + HASH[1:]))
    assert "1f3a2b4c5d6e" in refusal.problem
    assert "2f3a2b4c5d6e" in refusal.problem


@pytest.mark.attack("api", "approves when the time to decide is over", "the worker's clock ends the wait")
def test_an_answer_after_the_end_is_refused() -> None:
    assert check(answer(when=at(20)), now=at(20)) == ADA
    late = at(20) + timedelta(milliseconds=1)
    assert "too late" in refused(answer(when=late), now=late).problem


@pytest.mark.attack(
    "api", "approves what they asked for themselves", "who requested it does not count, however the name is written"
)
@pytest.mark.parametrize("name", ["Ada Lovelace", "ada lovelace", " ADA  Lovelace"])
def test_the_requester_may_not_approve_unless_so_set(name: str) -> None:
    asked = replace(QUESTION, requested_by=name)
    refused(answer(), question=asked)
    assert check(answer(decision="decline"), question=asked) == ADA
    assert check(answer(), question=asked, requester_may_approve=True) == ADA


@pytest.mark.attack("api", "approves twice where two persons are needed", "approvals are counted by person")
def test_two_approvals_are_two_persons() -> None:
    asked = replace(QUESTION, given=[approval(ADA)])
    assert "another person" in refused(answer(), question=asked).problem
    assert check(answer(THEO), question=asked) == THEO


@pytest.mark.parametrize("comment", ["", "   ok       "])
def test_a_doubtful_case_needs_words(comment: str) -> None:
    refused(answer(comment=comment), needs_words=True)
    assert check(answer(decision="decline", comment=comment), needs_words=True) == ADA
    assert check(answer(comment="Nobody can log in at all."), needs_words=True) == ADA


def test_the_ladder_grows_when_the_lead_is_silent() -> None:
    def names(now: datetime, *given: Approver) -> list[str]:
        question = replace(QUESTION, given=[approval(one) for one in given])
        return [one.name for one in authority.asked(question, SETTINGS, PEOPLE, now)]

    assert names(NOW) == ["Ada Lovelace", "Theo Lead"]
    assert names(at(10)) == ["Ada Lovelace", "Theo Lead", "Olga Oncall"]
    assert names(at(10), THEO) == ["Ada Lovelace"]
    assert names(at(10), ADA) == ["Theo Lead", "Olga Oncall"]


def test_reminders_come_15_5_and_1_minutes_before_the_end_and_when_the_ladder_grows() -> None:
    assert [(at - NOW).total_seconds() / 60 for at in reminders.moments(QUESTION, SETTINGS)] == [5, 10, 15, 19]
    short = replace(QUESTION, until=at(4))
    assert [(at - NOW).total_seconds() / 60 for at in reminders.moments(short, SETTINGS)] == [3]
