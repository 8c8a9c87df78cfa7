"""One door to psycopg: what a session depends on is set there, so that nobody connects past it."""

import re
from pathlib import Path

HERE = Path(__file__).parents[2]
DOOR = "runbook/database.py"
APPLICATION = "runbook/demo/service.py"
"""Stands for the application itself, which sets nothing."""


def test_nobody_connects_past_the_door() -> None:
    files = [path for room in ("runbook", "flows", "tasks", "deployments") for path in (HERE / room).rglob("*.py")]
    past = [
        str(path.relative_to(HERE))
        for path in files
        if re.search(r"\bConnection\.connect\(|psycopg\.connect\(", path.read_text())
    ]
    assert sorted(past) == [DOOR, APPLICATION]
