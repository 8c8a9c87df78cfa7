"""Servers for hostile databases: with logical replication and prepared transactions."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest

from tests import servers
from tests.databases import Templates
from tests.hostile import packs, runner
from tests.hostile.packs import Try


@pytest.fixture(scope="session")
def hostile() -> Iterator[Callable[[str], Templates]]:
    """Return a function that gives the databases of a server of a version."""
    with ExitStack() as stack:

        @cache
        def of(version: str) -> Templates:
            try:
                running = servers.start(version, None, **runner.SERVER)
            except servers.NotInstalledError as missing:
                if servers.in_ci():
                    pytest.fail(f"{missing}: in CI nothing may be skipped", pytrace=False)
                pytest.skip(str(missing))
            stack.callback(running.stop)
            return Templates(running)

        yield of


@pytest.fixture
def tried(hostile: Callable[[str], Templates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Return a function that tries a pack of cases on a version, and returns what did not end as it should."""
    return lambda pack, version: packs.faults(hostile(version), pack, tmp_path, monkeypatch)
