"""Fixtures of the acceptance tests."""

from collections.abc import Iterator

import pytest

from tests.acceptance.engine import engine
from tests.acceptance.operator import Prefect, prefect_server

__all__ = ["engine"]


@pytest.fixture(scope="session")
def prefect_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prefect]:
    """A real Prefect server that programs of all kinds talk to."""
    with prefect_server(tmp_path_factory.mktemp("server")) as server:
        yield server
