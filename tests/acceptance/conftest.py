"""Fixtures of the acceptance tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance import prefects
from tests.acceptance.engine import engine
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
