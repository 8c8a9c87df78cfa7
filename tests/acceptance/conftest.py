"""Fixtures of the acceptance tests."""

from collections.abc import Iterator

import pytest

from tests.acceptance import prefects
from tests.acceptance.engine import engine
from tests.acceptance.prefects import Prefect

__all__ = ["engine"]


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A real Prefect server that programs of all kinds talk to."""
    with prefects.server(tmp_path_factory.mktemp("server")) as server:
        yield server
