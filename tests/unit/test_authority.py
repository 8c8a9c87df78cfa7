"""The rules of authority, each with somebody who tries to get round it. The clock is the test's own."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from runbook.approval import authority, onetime, reminders
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


@pytest.mark.parametrize("who", [ADA, THEO], ids=lambda who: who.role)
@pytest.mark.parametrize("decision", ["approve", "decline"])
def test_team_lead_and_cto_count(who: Approver, decision: str) -> None:
    assert check(answer(who, decision=decision)) == who


def test_a_name_and_a_code_may_be_typed_as_people_type_them() -> None:
    digits = code(ADA)
    assert check(answer(name=" ada  lovelace ", code=f" {digits[:3]} {digits[3:]}", plan=f" {HASH[:8].upper()} "))


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_a_clock_may_be_off_by_one_step(steps: int) -> None:
    assert check(answer(when=NOW + timedelta(seconds=30 * steps))) == ADA


@pytest.mark.parametrize(
    ("minutes", "said"), [(4, "about 4 minutes ahead of"), (-9, "about 9 minutes behind"), (1, "about 1 minute ahead")]
)
def test_a_clock_that_is_off_by_minutes_is_told_the_offset(minutes: int, said: str) -> None:
    refusal = refused(answer(when=at(minutes)))
    assert said in refusal.problem
    assert refusal.guess


def test_a_code_of_another_hour_is_just_wrong() -> None:
    assert "is not Ada Lovelace's" in refused(answer(when=at(60))).problem


def test_a_replayed_code_is_refused() -> None:
    step = onetime.step(NOW)
    for past in (Past(newest=step, used=frozenset({step})), Past(used=frozenset({step})), Past(newest=step + 1)):
        refusal = refused(answer(), past=past)
        assert "used before" in refusal.problem
        assert refusal.alarming
    assert check(answer(when=at(0.5)), past=Past(newest=step, used=frozenset({step}))) == ADA


def test_a_code_of_another_person_is_refused() -> None:
    refusal = refused(answer(ADA, code=code(THEO)))
    assert refusal.problem == "The code is not Ada Lovelace's."
    assert refusal.alarming
    assert refusal.guess


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "12 34", "١٢٣٤٥٦", "-12345", "1e5000"])
def test_a_code_of_the_wrong_shape_is_said_and_no_guess(typed: str) -> None:
    refusal = refused(answer(code=typed))
    assert "has 6 digits" in refusal.problem
    assert not refusal.guess


@given(st.text(max_size=40))
@hypothesis.settings(deadline=None)
def test_nothing_but_the_code_is_a_code(typed: str) -> None:
    good = {onetime.code(ADA.secret.get_secret_value(), step) for step in onetime.near(NOW)}
    if "".join(typed.split()) not in good:
        refused(answer(code=typed))


def test_somebody_else_is_refused() -> None:
    refusal = refused(answer(name="Mallory\n# approved"))
    assert refusal.problem == "Mallory # approved is not an approver."
    assert refusal.alarming
    assert not refusal.proved


def test_a_role_that_one_has_not_is_refused() -> None:
    assert "is On-call Engineer, not CTO" in refused(answer(OLGA, role="CTO")).problem


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


@pytest.mark.parametrize("plan", ["", "1f3a2b4", "1f3a2b4c5d6f", "0" * 64, "zzzzzzzzz"])
def test_an_answer_names_the_plan(plan: str) -> None:
    assert "plan" in refused(answer(plan=plan)).problem.lower()


def test_a_changed_plan_voids_an_answer() -> None:
    refusal = refused(answer(), question=replace(QUESTION, plan_hash="2" + HASH[1:]))
    assert "1f3a2b4c5d6e" in refusal.problem
    assert "2f3a2b4c5d6e" in refusal.problem


def test_an_answer_after_the_end_is_refused() -> None:
    assert check(answer(when=at(20)), now=at(20)) == ADA
    late = at(20) + timedelta(milliseconds=1)
    assert "too late" in refused(answer(when=late), now=late).problem


@pytest.mark.parametrize("name", ["Ada Lovelace", "ada lovelace", " ADA  Lovelace"])
def test_the_requester_may_not_approve_unless_so_set(name: str) -> None:
    asked = replace(QUESTION, requested_by=name)
    refused(answer(), question=asked)
    assert check(answer(decision="decline"), question=asked) == ADA
    assert check(answer(), question=asked, requester_may_approve=True) == ADA


def test_two_approvals_are_two_persons() -> None:
    asked = replace(QUESTION, given=[approval(ADA)])
    assert "another person" in refused(answer(), question=asked).problem
    assert check(answer(THEO), question=asked) == THEO


@pytest.mark.parametrize("comment", ["", "   ok       "])
def test_a_doubtful_case_needs_words(comment: str) -> None:
    refused(answer(comment=comment), needs_words=True)
    assert check(answer(decision="decline", comment=comment), needs_words=True) == ADA
    assert check(answer(comment="Nobody can log in at all."), needs_words=True) == ADA


def test_guessing_gets_slower_and_slower() -> None:
    waits = [authority.slow_seconds(wrong) for wrong in range(1, 40)]
    assert waits[:4] == [2, 4, 8, 16]
    assert max(waits) == waits[-1] == authority.SLOWEST
    slowed = Past(wrong=3, slowed_until=NOW + timedelta(seconds=8))
    refusal = refused(answer(), past=slowed)  # also the right code: nobody learns that it was right
    assert "counts in 8 s" in refusal.problem
    assert not refusal.guess
    assert refusal.problem == refused(answer(code="000000"), past=slowed).problem
    later = NOW + timedelta(seconds=8)
    assert check(answer(when=later), past=slowed, now=later) == ADA


def test_every_code_in_an_answer_is_found_wherever_it_stands() -> None:
    digits = code(THEO, at(3))
    for text in (digits, f"my code is {digits}!", f"{digits[:3]} {digits[3:]}"):
        assert authority.spent([text], PEOPLE, NOW) == {digits: {"Theo Lead": [onetime.step(at(3))]}}
    assert authority.spent(["123", f"9{digits}"], PEOPLE, NOW) == {}


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
