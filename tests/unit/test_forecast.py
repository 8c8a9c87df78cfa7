"""The forecast: measured where runs were, scaled where it grows with the data, and otherwise said to be a guess."""

from dataclasses import replace
from typing import Any

import pytest

from runbook.outlook import Alternative, Forecast
from runbook.planning import forecast, forecastpage
from tests import samples

PLAN = samples.plan()
BY_SNAPSHOT = samples.plan(backup=samples.means("snapshot"))


def row(name: str, seconds: float, size: int = PLAN.database_bytes) -> dict[str, Any]:
    return {"name": name, "seconds": seconds, "bytes": size}


def seconds(made: Forecast, name: str) -> float:
    return next(step.seconds for step in made.steps if step.name == name)


def test_without_any_run_it_is_a_guess_and_says_so() -> None:
    made = forecast.made(PLAN, [])
    assert made.basis.startswith("a guess from typical figures")
    assert [step.name for step in made.steps] == [name for name in forecast.TYPICAL if name != "portable dump"]
    assert seconds(made, "back up") == 12.6  # as the means of the backup say
    assert made.seconds == sum(step.seconds for step in made.steps)


def test_the_outage_is_from_stopping_to_having_started() -> None:
    made = forecast.made(PLAN, [])
    outside = sum(seconds(made, name) for name in ("assess", "prepare release", "verify", "notify"))
    assert abs(made.outage_seconds + outside - made.seconds) < 1e-9


def test_the_median_of_the_runs_counts_and_only_what_grows_is_scaled() -> None:
    half = PLAN.database_bytes // 2
    past = [row("fence", 0.2, half), row("fence", 0.3, half), row("fence", 9, half), row("portable dump", 10, half)]
    made = forecast.made(BY_SNAPSHOT, past)
    assert seconds(made, "fence") == 0.3
    assert seconds(made, "portable dump") == 20
    assert "measured in the last 3 runs here, what grows with the data scaled" in made.basis
    assert "a guess for assess, prepare release" in made.basis


def test_the_portable_dump_of_a_snapshot_is_outside_the_outage() -> None:
    made, dumped = forecast.made(BY_SNAPSHOT, []), forecast.made(PLAN, [])
    assert made.steps[-1].name == "portable dump"
    assert made.steps[-1].seconds == pytest.approx(2 + PLAN.database_bytes / forecast.PROOF_SPEED)
    assert made.outage_seconds == pytest.approx(dumped.outage_seconds - 12.6 + 0.5)


def test_a_step_with_nothing_to_do_takes_no_time() -> None:
    skipped = replace(PLAN.scripts[0], action="skip")
    made = forecast.made(replace(PLAN, release=None, oauth="keep", scripts=[skipped, *PLAN.scripts[1:]]), [])
    names = [step.name for step in made.steps]
    assert not {"012", "settle OAuth users", "prepare release", "restore release"} & set(names)
    assert seconds(made, "stop services") == 0


def test_a_database_of_unknown_size_is_not_scaled() -> None:
    assert (
        seconds(forecast.made(BY_SNAPSHOT, [{"name": "portable dump", "seconds": 5.0, "bytes": None}]), "portable dump")
        == 5
    )


def test_the_page_says_what_is_unknown() -> None:
    assert forecastpage.minutes(Alternative("x", None, None, "")) == "unknown"
    assert forecastpage.lost(Alternative("x", None, None, "")) == "unknown"
    assert forecastpage.lost(Alternative("x", 0.4, 1234, "")) == "1,234"
    assert [forecastpage.minutes(Alternative("x", m, 0, "")) for m in (0.44, 9.94, 9.96, 1234.0)] == [
        "0.4",
        "9.9",
        "10",
        "1,234",
    ]
    assert forecastpage.sentence(PLAN) == "not made"
