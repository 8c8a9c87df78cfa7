"""What ``rollback status`` says about a run that was killed, and about one that kept what it was told to keep."""

from typing import Any

from runbook.telling import standing
from tests import samples

APPLIED = dict.fromkeys(("010", "011", "012", "013"), "applied")


def last(**changes: Any) -> dict[str, Any]:
    return {"incident": "INC-1", "outcome": "running", "committed": False, "request": {}} | changes


def test_a_run_killed_behind_stopped_services_is_no_place_to_stop() -> None:
    steps = [samples.step("stop services", 0, 1), samples.step("fence", 1, 1)]
    state, safe, then = standing.sentence(last(), "", APPLIED, steps)
    assert "services were stopped" in state
    assert not safe
    assert "rollback run --incident INC-1" in then


def test_once_the_services_run_again_it_is_one() -> None:
    steps = [samples.step("stop services", 0, 1), samples.step("start services again", 2, 1)]
    assert standing.sentence(last(outcome="failed"), "", APPLIED, steps)[1]
    assert standing.sentence(last(), "", APPLIED, steps)[1]
    assert standing.sentence(last(), "", APPLIED, [samples.step("stop services", 0, 0, "skipped")])[1]


def test_services_that_could_not_be_started_again_are_no_place_to_stop() -> None:
    steps = [samples.step("stop services", 0, 1), samples.step("start services again", 2, 1, "failed")]
    state, safe, _ = standing.sentence(last(outcome="failed"), "", APPLIED, steps)
    assert "failed while the services were stopped" in state
    assert not safe


def test_what_was_chosen_to_be_kept_is_not_in_force_by_mistake() -> None:
    kept = {**dict.fromkeys(APPLIED, "absent"), "013": "applied"}
    done = last(outcome="done", committed=True, request={"oauth": "delete", "gemini": "keep"})
    assert standing.sentence(done, "", kept) == (
        "The database is rolled back; kept, as was chosen: 013.",
        True,
        "Nothing.",
    )
    assert "in force" in standing.sentence({**done, "request": {"gemini": "remove"}}, "", kept)[0]
