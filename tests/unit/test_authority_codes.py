"""The one-time codes of approvers, each with somebody who tries to get round them."""

from datetime import datetime, timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval import authority, onetime
from runbook.approval.approvers import Approver
from runbook.approval.authority import Past
from tests.unit.asked import ADA, HASH, NOW, PEOPLE, THEO, answer, at, check, code, refused


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
    assert refusal.alarming


def test_a_code_of_another_hour_is_just_wrong() -> None:
    assert "is not Ada Lovelace's" in refused(answer(when=at(60))).problem


@pytest.mark.attack("api", "sends a code again that was seen before", "a code counts once, and none before it")
def test_a_replayed_code_is_refused() -> None:
    step = onetime.step(NOW)
    for past in (Past(newest=step, used=frozenset({step})), Past(used=frozenset({step})), Past(newest=step + 1)):
        refusal = refused(answer(), past=past)
        assert "used before" in refusal.problem
        assert refusal.alarming
    assert check(answer(when=at(0.5)), past=Past(newest=step, used=frozenset({step}))) == ADA


@pytest.mark.attack("api", "sends another approver's code", "the code is computed from the named person's secret")
def test_a_code_of_another_person_is_refused() -> None:
    refusal = refused(answer(ADA, code=code(THEO)))
    assert refusal.problem == "The code is not Ada Lovelace's."
    assert refusal.alarming


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "12 34", "1e5000", "12345\U0001d7d8" * 3])
def test_a_code_of_the_wrong_shape_is_said_and_no_alarm(typed: str) -> None:
    refusal = refused(answer(code=typed))
    assert "has 6 digits" in refusal.problem
    assert not refusal.alarming


@pytest.mark.parametrize(
    "zero", ["\N{FULLWIDTH DIGIT ZERO}", "\N{ARABIC-INDIC DIGIT ZERO}", "\N{DEVANAGARI DIGIT ZERO}"]
)
def test_a_code_may_be_typed_in_any_digits(zero: str) -> None:
    assert check(answer(code="".join(chr(ord(zero) + int(digit)) for digit in code(ADA)))) == ADA


@pytest.mark.attack(
    "api", "sends anything else in place of the code", "it is compared with the two or three codes of now"
)
@given(st.text(max_size=40))
@hypothesis.settings(deadline=None)
def test_nothing_but_the_code_is_a_code(typed: str) -> None:
    good = {onetime.code(ADA.secret.get_secret_value(), step) for step in onetime.near(NOW)}
    if onetime.digits(typed) not in good:
        refused(answer(code=typed))


GUESSED = Past(wrong=authority.LIMIT)
"""What is remembered after as many wrong answers of the source as it may give."""


def pair(who: Approver, when: datetime = NOW) -> str:
    return onetime.pair(who.secret.get_secret_value(), when)


@pytest.mark.attack(
    "api", "keeps an approver from answering, by wrong codes in their name", "they count against the source alone"
)
def test_wrong_answers_of_others_never_shut_an_approver_out() -> None:
    assert check(answer(), past=Past(wrong=authority.LIMIT - 1)) == ADA
    assert check(answer(code=pair(ADA)), past=GUESSED) == ADA
    assert check(answer(code=pair(ADA)), past=Past(wrong=10**9)) == ADA
    assert check(answer(THEO, code=f"{pair(THEO)[:6]} - {pair(THEO)[6:]}"), past=GUESSED) == THEO
    assert check(answer(code=pair(ADA))) == ADA  # who knows both may give both


@pytest.mark.attack("api", "guesses codes", "after five wrong answers a source needs two codes in a row")
def test_after_many_wrong_answers_one_code_is_not_enough_and_nobody_learns_whether_it_was_right() -> None:
    right, wrong = refused(answer(), past=GUESSED), refused(answer(code="000000"), past=GUESSED)
    assert right.problem == wrong.problem == authority.TWO_CODES
    assert not right.alarming
    assert wrong.alarming


def test_two_codes_in_a_row_are_of_now_of_one_person_and_both_new() -> None:
    now, both = onetime.step(NOW), pair(ADA)
    for typed in (both[6:] + both[:6], both[:6] * 2, both[:6] + pair(THEO)[6:], both[:6] + "000000", "0" * 12):
        assert "is not Ada Lovelace's" in refused(answer(code=typed), past=GUESSED).problem
    for used in (now, now - 1):
        spent = Past(used=frozenset({used}), wrong=authority.LIMIT)
        assert "used before" in refused(answer(code=both), past=spent).problem
    assert "used before" in refused(answer(code=both), past=Past(newest=now - 1, wrong=authority.LIMIT)).problem
    assert "4 minutes ahead" in refused(answer(code=pair(ADA, at(4))), past=GUESSED).problem


def test_guessing_is_infeasible() -> None:
    million, tries_a_second = 10**onetime.DIGITS, 1
    single = authority.LIMIT * len(onetime.near(NOW)) / million
    double = authority.WINDOW.total_seconds() * tries_a_second * len(onetime.near(NOW)) / million**2
    assert single < 1 / 50_000  # in a day, however many approvers, runs and targets there are
    assert double < 1 / 1_000_000


@pytest.mark.attack(
    "api", "reads a code that was typed into another field", "six digits are masked in every text that is recorded"
)
def test_every_code_in_an_answer_is_found_wherever_it_stands() -> None:
    digits = code(THEO, at(3))
    for text in (digits, f"my code is {digits}!", f"{digits[:3]} {digits[3:]}", f"9{digits}", "-".join(digits)):
        assert authority.spent([text], PEOPLE, NOW) == {digits: [(THEO, onetime.step(at(3)))]}
    assert authority.spent(["123", f"9{digits[:5]}a{digits[5:]}"], PEOPLE, NOW) == {}
