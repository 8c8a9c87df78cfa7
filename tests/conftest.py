"""Servers and databases for all tests that ask for them.

``server``         each version in turn (``--pg 16,18`` chooses; ``@pytest.mark.pg("18")`` limits a test)
``other_server``   a second one of the same version
``database``       a seeded baseline of one's own
``transformed``    the same after the whole transformation, with the new release's rows
``new_database``   as many as wanted, in other states
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests import servers
from tests.databases import ALL, Database, Templates
from tests.servers import Server


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--pg", default=",".join(servers.VERSIONS), metavar="VERSIONS", help="PostgreSQL versions, such as 15,16,18"
    )


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "pg(*versions): run this test on these PostgreSQL versions only")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "server" not in metafunc.fixturenames:
        return
    wanted = metafunc.config.getoption("--pg").split(",")
    marker = metafunc.definition.get_closest_marker("pg")
    versions = [version for version in wanted if marker is None or version in marker.args]
    metafunc.parametrize("server", versions, indirect=True, scope="session", ids=[f"pg{v}" for v in versions])


@pytest.fixture(scope="session", autouse=True)
def _store(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keep the worker's store of a test that names none out of this user's own folder."""
    os.environ["ROLLBACK_STATE_DIR"] = str(tmp_path_factory.mktemp("state"))


@pytest.fixture(scope="session")
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    try:
        running = servers.start(request.param)
    except servers.NotInstalledError as missing:
        if servers.in_ci():
            pytest.fail(f"{missing}: in CI nothing may be skipped", pytrace=False)
        pytest.skip(str(missing))
    yield running
    running.stop()


@pytest.fixture(scope="session")
def other_server(server: Server) -> Iterator[Server]:
    """A second server of the same version, such as staging's."""
    running = servers.start(server.version)
    yield running
    running.stop()


@pytest.fixture(scope="session")
def templates(server: Server) -> Templates:
    return Templates(server)


@pytest.fixture
def new_database(templates: Templates) -> Iterator[Callable[..., Database]]:
    """Return a function that makes databases; it takes what Templates.copy takes."""
    with ExitStack() as stack:

        def make(**state: Any) -> Database:
            return stack.enter_context(templates.copy(**state))

        yield make


@pytest.fixture
def database(templates: Templates) -> Iterator[Database]:
    with templates.copy() as copy:
        yield copy


@pytest.fixture
def transformed(templates: Templates) -> Iterator[Database]:
    with templates.copy(forward=ALL) as copy:
        yield copy


@pytest.fixture(scope="session")
def prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A real Prefect server of this test session's own."""
    # No word of a test leaves this machine.
    os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
