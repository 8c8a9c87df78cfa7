"""One-time codes inside texts: found however somebody typed them, and masked.

Digits of any script count (full-width, Arabic-Indic, emoji keycaps), because phones type them.
"""

import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from runbook.approval import onetime

HIDDEN = "(code)"
HALF = onetime.DIGITS // 2


@dataclass(frozen=True)
class Digit:
    """A decimal digit of a text, as ASCII."""

    value: str
    place: int
    """Index in the text of the character that it comes from."""
    near: bool
    """Whether at most spaces, dashes and marks stand between it and the digit before."""
    joined: bool
    """Whether nothing at all stands between them."""
    apart: bool
    """Whether a letter stands between them, or nothing came before."""


@dataclass(frozen=True)
class Group:
    """Six digits in a row, with the part of the text where they stand."""

    digits: str
    start: int
    end: int


def windows(text: str) -> Iterator[Group]:
    """Return all six digits that follow one another with no letter between: wherever a code may hide."""
    for run in _runs(list(_digits(text)), "apart"):
        for first in range(len(run) - onetime.DIGITS + 1):
            yield _group(run[first : first + onetime.DIGITS])


def shaped(text: str) -> Iterator[Group]:
    """Return the groups that look like a code: six digits by themselves, as one group or as two of three."""
    for run in _runs(list(_digits(text)), "near"):
        words = _words(run)
        if len(run) == onetime.DIGITS:
            yield _group(run)
        for word, after in zip(words, [*words[1:], []], strict=True):
            if len(word) == onetime.DIGITS < len(run):
                yield _group(word)
            elif len(word) == len(after) == HALF and len(run) > onetime.DIGITS:
                yield _group([*word, *after])


def masked(text: str, codes: Collection[str] = ()) -> str:
    """Hide what looks like a code, right or wrong, and each of ``codes`` wherever it hides."""
    return _without(text, [*shaped(text), *(one for one in windows(text) if one.digits in codes)])


def hidden(text: str, codes: Collection[str]) -> str:
    """Hide each of ``codes`` wherever it hides, and nothing else."""
    return _without(text, [one for one in windows(text) if one.digits in codes])


def _without(text: str, found: list[Group]) -> str:
    said, end = "", 0
    for one in sorted(found, key=lambda group: (group.start, -group.end)):
        if one.start >= end:
            said += text[end : one.start] + HIDDEN
        end = max(end, one.end)
    return said + text[end:]


def _digits(text: str) -> Iterator[Digit]:
    """Return a text's digits; the characters between two of them tell how near they are."""
    between, seen = "", False
    for place, character in enumerate(text):
        for plain in unicodedata.normalize("NFKC", character):
            if not plain.isdecimal():
                between += plain
                continue
            near = seen and all(onetime.between(one) for one in between)
            apart = not seen or any(one.isalpha() for one in between)
            yield Digit(str(unicodedata.decimal(plain)), place, near, seen and not between, apart)
            between, seen = "", True


def _runs(digits: list[Digit], kind: str) -> Iterator[list[Digit]]:
    """Split digits into runs: of those that are ``near``, or of those with no letter between (``apart``)."""
    run: list[Digit] = []
    for digit in digits:
        if run and (digit.apart if kind == "apart" else not digit.near):
            yield run
            run = []
        run.append(digit)
    if run:
        yield run


def _words(run: list[Digit]) -> list[list[Digit]]:
    """Split a run where anything stands between two digits."""
    words: list[list[Digit]] = []
    for digit in run:
        if words and digit.joined:
            words[-1].append(digit)
        else:
            words.append([digit])
    return words


def _group(run: list[Digit]) -> Group:
    return Group("".join(one.value for one in run), run[0].place, run[-1].place + 1)
