import pytest

from runbook.models import Step
from runbook.telling import timeline
from runbook.telling.summary import outage
from tests import samples


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({}, ""),
        ({"summary": "all is well", "rows": 3}, "all is well"),
        ({"bytes": 214_000_000, "entries": 1342, "sha256": "ab" * 32}, "214 MB, 1,342 entries, sha256 abababababab"),
        ({"database_bytes": 1000, "lock_seconds": 0.5, "seconds": 9}, "database 1.00 kB, lock 500 ms"),
        ({"services": ["backend", "frontend"]}, "services backend, frontend"),
        ({"rows": {"users": 1200}, "nothing": None, "none": []}, "rows users 1,200"),
        ({"already_so": True, "built": False}, "already so, not built"),
        ({"error": "two\nlines"}, "error two lines"),
        ({"error": "x" * 500}, f"error {'x' * 117}..."),
    ],
)
def test_facts_fit_in_a_line(found: dict[str, object], said: str) -> None:
    assert timeline.facts(found) == said


def test_the_picture_begins_with_the_outage_and_shows_every_step_after_it() -> None:
    done = samples.summary()
    lines = timeline.picture(done.steps, outage(done))
    assert lines[0].startswith("users offline      |=====")
    assert [line.split("|")[0].strip() for line in lines[1:]] == [s.name for s in done.steps[2:]]
    assert all("#" in line for line in lines[1:])
    assert len({len(line) for line in lines}) == 1
    assert all(line.isascii() for line in lines)


def test_without_an_outage_it_begins_with_the_first_step() -> None:
    assert "assess" in timeline.picture(samples.steps()[:2], None)[0]
    assert timeline.picture([], None) == []


def test_a_running_step_has_no_bar_and_is_said_to_run() -> None:
    running = Step("back up", samples.at(1), None, "running", {})
    assert timeline.picture([running], None) == []
    assert timeline.took(running) == "running"


def test_the_bars_stay_inside_for_an_outage_that_goes_on() -> None:
    course = [s for s in samples.steps() if s.name != "open and start"]
    lines = timeline.picture(course, (samples.at(30), None))
    assert len({len(line) for line in lines}) == 1
