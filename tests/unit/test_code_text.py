"""One-time codes inside texts, typed as people and their phones type them, and as somebody would to hide them."""

import unicodedata

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook.approval import code_text, onetime

ZEROS = ("FULLWIDTH DIGIT ZERO", "ARABIC-INDIC DIGIT ZERO", "MATHEMATICAL DOUBLE-STRUCK DIGIT ZERO")
KEYCAP = "\N{VARIATION SELECTOR-16}\N{COMBINING ENCLOSING KEYCAP}"
OTHER_DIGITS = ["".join(chr(ord(unicodedata.lookup(zero)) + digit) for digit in range(1, 7)) for zero in ZEROS]
TYPED = [
    "123456",
    "123 456",
    "12-34-56",
    "123\u2013456",
    "1 2 3 4 5 6",
    "12\u200b34\x0056",
    "123\n456",
    KEYCAP.join("123456"),
    *OTHER_DIGITS,
]


@pytest.mark.parametrize("typed", TYPED)
def test_a_code_is_masked_however_it_is_typed(typed: str) -> None:
    said = code_text.masked(f"my code is {typed}!")
    assert said == "my code is (code)!"
    assert {one.digits for one in code_text.windows(typed)} == {"123456"}
    assert onetime.digits(typed) == "123456"


@pytest.mark.parametrize(
    "text",
    ["ticket 12345", "1234567 rows", "since 2026-11-28 10:08", "v1.8.3 and 1.8.4", "12 of 3456 rows", "", "a1b2c3d4"],
)
def test_other_numbers_stay(text: str) -> None:
    assert code_text.masked(text) == text


@pytest.mark.parametrize("text", ["2026 123456", "call 030 555 123 456 now", "7-123456-8"])
def test_a_group_beside_other_numbers_is_masked(text: str) -> None:
    assert "123" not in code_text.masked(text)


@pytest.mark.parametrize("text", ["9123456", "12.34.56", "12/34/56,78", "0 1 2 3 4 5 6 7", "1_2_3_4_5_6"])
def test_a_code_that_is_somebodys_is_found_and_masked_wherever_it_hides(text: str) -> None:
    assert "123456" in {one.digits for one in code_text.windows(text)}
    assert "(code)" in code_text.masked(text, {"123456"})
    assert "(code)" in code_text.hidden(text, {"123456"})


@given(st.text(max_size=60), st.text(max_size=60))
@hypothesis.settings(deadline=None)
def test_no_text_around_it_saves_a_code(before: str, after: str) -> None:
    said = code_text.masked(f"{before}123456{after}", {"123456"})
    assert code_text.HIDDEN in said
    assert "123456" not in {one.digits for one in code_text.windows(said)}


def test_digits_of_anything_else_are_none() -> None:
    assert [onetime.digits(typed) for typed in ("", "   ", "12345a", "-+123456", "1e5000", "\N{MINUS SIGN}123456")] == [
        None
    ] * 6
