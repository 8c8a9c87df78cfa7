"""Fixtures of the acceptance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import runbook_runs
from tests.acceptance import engineapp, prefects
from tests.acceptance.engine import Engine, engine
from tests.acceptance.engineapp import Deployed
from tests.acceptance.operator import Desk, desk
from tests.acceptance.prefects import Prefect
from tests.databases import Database

__all__ = ["engine"]


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A real Prefect server that programs of all kinds talk to."""
    with prefects.server(tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.fixture
def at(transformed: Database, tmp_path: Path) -> Desk:
    """Where an operator sits whose environment leads to a transformed database."""
    return desk(transformed, tmp_path)


@pytest.fixture
def deployed(engine: Engine, transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployed:
    """Return a function that makes the application for a compose program, beside the transformed database."""
    runbook_runs.aim(monkeypatch, transformed, tmp_path)
    return lambda program: engineapp.made(program, engine, transformed, tmp_path, monkeypatch)
