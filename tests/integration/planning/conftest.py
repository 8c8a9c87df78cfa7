"""Fixtures of the plan's tests."""

from pathlib import Path

import pytest

from tests import runbook_runs
from tests.databases import Database


@pytest.fixture
def aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    """A transformed database that settings and connections lead to."""
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    return transformed
