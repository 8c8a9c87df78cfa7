"""The procedure's triggers and its "Do NOT rollback" list, with all borders."""

from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from runbook.outlook import Verdict, Word
from runbook.planning import criteria
from runbook.request import Counter, RollbackRequest, Trigger
from tests import samples

TRIGGERS, COUNTERS = get_args(Trigger), get_args(Counter)
PLAIN = [trigger for trigger in TRIGGERS if trigger != criteria.SLOW]
AUTH = "critical functionality broken: auth"


def judged(*triggers: str, **changes: Any) -> Verdict:
    return criteria.judge(samples.request(triggers=list(triggers), **changes))


def test_every_trigger_and_every_reason_against_has_words_of_the_procedure() -> None:
    assert {*criteria.FOR, criteria.SLOW} == set(TRIGGERS)
    assert set(criteria.AGAINST) == set(COUNTERS)


@pytest.mark.parametrize("trigger", PLAIN)
def test_a_trigger_alone_justifies(trigger: Trigger) -> None:
    assert judged(trigger) == Verdict("justified", f"The procedure says rollback: {criteria.FOR[trigger]}.")


@pytest.mark.parametrize("counter", COUNTERS)
def test_what_speaks_against_refuses_alone_and_contradicts_a_trigger(counter: Counter) -> None:
    words = criteria.AGAINST[counter]
    assert judged(against=[counter]) == Verdict("not justified", f"The procedure says do NOT rollback: {words}.")
    both = judged(AUTH, against=[counter])
    assert both.word == "doubtful"
    assert criteria.FOR["critical functionality broken: auth"] in both.reason
    assert words in both.reason


def test_without_a_trigger_nothing_is_rolled_back() -> None:
    assert judged().word == "not justified"
    assert "only rollback on one of its triggers" in judged().reason


@pytest.mark.parametrize("named", [(), (criteria.SLOW,)])
@pytest.mark.parametrize(
    ("percent", "word"),
    [
        (0, "not justified"),
        (24.999999999, "not justified"),
        (25, "doubtful"),
        (25.000000001, "doubtful"),
        (49.999999999, "doubtful"),
        (50, "doubtful"),
        (50.000000001, "justified"),
        (1000, "justified"),
    ],
)
def test_borders_of_performance(percent: float, word: Word, named: tuple[str, ...]) -> None:
    assert judged(*named, degradation_percent=percent).word == word


@pytest.mark.parametrize(
    ("percent", "words"),
    [(24.999, "24.999 %"), (25, "is 25 %, between"), (50, "is 50 %, between"), (51, "(51 %)")],
)
def test_the_reason_names_the_figure(percent: float, words: str) -> None:
    assert words in judged(degradation_percent=percent).reason


def test_performance_beside_other_criteria() -> None:
    assert judged("data corruption", degradation_percent=24).word == "doubtful"
    assert judged("data corruption", degradation_percent=30).word == "justified"
    assert judged(degradation_percent=30, against=["UI only"]).word == "not justified"
    assert judged(degradation_percent=51, against=["UI only"]).word == "doubtful"


@pytest.mark.parametrize(("minutes", "word"), [(0, "doubtful"), (30, "doubtful"), (31, "justified")])
def test_what_is_fixed_within_30_minutes_contradicts_that_it_cannot_be(minutes: int, word: Word) -> None:
    assert judged(criteria.STUCK, fix_forward_minutes=minutes).word == word
    assert judged(AUTH, fix_forward_minutes=minutes).word == "justified"


@pytest.mark.parametrize(
    "changes",
    [
        {"triggers": ["performance degradation"]},
        {"triggers": ["it is Friday"]},
        {"against": ["I like it"]},
        {"degradation_percent": -0.1},
        {"degradation_percent": float("nan")},
        {"degradation_percent": float("inf")},
        {"fix_forward_minutes": -1},
    ],
)
def test_bad_input_is_refused_before_a_run_exists(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        samples.request(**changes)


def test_the_form_has_menus_of_which_several_may_be_chosen() -> None:
    fields = RollbackRequest.model_json_schema()["properties"]
    for name, menu in (("triggers", TRIGGERS), ("against", COUNTERS)):
        assert fields[name]["type"] == "array"
        assert tuple(fields[name]["items"]["enum"]) == menu
        assert fields[name]["default"] == []
        assert fields[name]["title"]
        assert fields[name]["description"]


@given(
    triggers=st.lists(st.sampled_from(TRIGGERS)),
    against=st.lists(st.sampled_from(COUNTERS)),
    percent=st.floats(min_value=0, allow_nan=False, allow_infinity=False),
    minutes=st.none() | st.integers(min_value=0),
)
def test_every_request_gets_a_verdict_in_one_line(
    triggers: list[str], against: list[str], percent: float, minutes: int | None
) -> None:
    verdict = judged(*triggers, against=against, degradation_percent=percent, fix_forward_minutes=minutes)
    assert verdict.word in get_args(Word)
    assert verdict.reason
    assert "\n" not in verdict.reason
    if not triggers and percent <= criteria.MAJOR:
        assert verdict.word != "justified"
    if against:
        assert verdict.word != "justified"


def test_the_order_in_which_criteria_are_named_does_not_matter() -> None:
    assert judged(*TRIGGERS, degradation_percent=60) == judged(*reversed(TRIGGERS), degradation_percent=60)


DOUBTFUL = Verdict("doubtful", "Contradictory.")


@pytest.mark.parametrize("comment", ["", "   ", "ok", "!!!!!!!!!!!!!", "a b c d e"])
def test_what_explains_nothing_is_not_words(comment: str) -> None:
    assert not criteria.in_words(comment)


def test_doubt_needs_words_and_a_justified_rollback_none() -> None:
    assert criteria.in_words("Nobody can log in, and the hotfix failed twice.")
    assert criteria.needs_words(DOUBTFUL)
    assert not criteria.needs_words(Verdict("justified", "x"))
