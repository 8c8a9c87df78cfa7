"""docs/security-tries.md lists the tests that are marked as attacks, each as held, and nothing else."""

import re

from tests import attacks, make_tries

PAGE = make_tries.FILE.read_text(encoding="utf-8")

ROW = re.compile(r"\| ([^|]*) \| `([^`]+)` \|$", flags=re.M)
"""Outcome and test of a line."""


def test_the_page_is_the_one_that_the_marked_tests_make() -> None:
    outcomes = {f"tests/{test}": outcome for outcome, test in ROW.findall(PAGE)}
    tried = attacks.found()
    assert set(outcomes) == {one.test for one in tried}, "make tries writes it anew"
    assert make_tries.page(tried, outcomes) == PAGE, "make tries writes it anew"


def test_every_try_was_stopped() -> None:
    outcomes = [outcome for outcome, _ in ROW.findall(PAGE)]
    assert outcomes and all(re.fullmatch(r"held( \(\d+\))?", one) for one in outcomes)


def test_each_who_tries_something() -> None:
    assert {one.who for one in attacks.found()} == set(attacks.WHO)


def test_no_try_is_told_twice() -> None:
    told = [(one.who, one.what) for one in attacks.found()]
    assert len(told) == len(set(told))
