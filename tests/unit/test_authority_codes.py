"""The one-time codes of approvers, each with somebody who tries to get round them."""

from datetime import timedelta

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval import authority, onetime
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
