"""How the engine's words for a container are read."""

import pytest

from runbook.application import health


@pytest.mark.parametrize(
    "status",
    [
        "Up 3 seconds",
        "Up 12 seconds",
        "Up About a minute",
        "Up 3 seconds ago",
        "Up 1 second (healthy)",
        "Up 2 hours (healthy)",
    ],
)
def test_who_runs_steadily_or_is_healthy_is_well(status: str) -> None:
    assert health.STEADY.fullmatch(status)


@pytest.mark.parametrize(
    "status",
    [
        "Up Less than a second",
        "Up 1 second",
        "Up 2 seconds",
        "Up 5 minutes (unhealthy)",
        "Up 5 minutes (health: starting)",
        "Up 5 minutes (Paused)",
        "Restarting (1) 3 seconds ago",
    ],
)
def test_who_just_came_up_or_is_ill_is_not(status: str) -> None:
    assert not health.STEADY.fullmatch(status)
