"""What integration tests compare with."""

from collections.abc import Callable
from functools import cache

import pytest

from runbook.schema import catalogue
from tests import states
from tests.databases import Templates

Rows = set[tuple[str, str, str]]


@pytest.fixture(scope="session")
def baseline(templates: Templates) -> Callable[..., Rows]:
    """Return a function that gives the facts, grants included, of a fresh baseline on the same server."""

    @cache
    def read(bot_label: str = "assistant") -> Rows:
        with templates.copy(messages=0, bot_label=bot_label) as database, database.connect() as conn:
            return states.rows(catalogue.read(conn))

    return read
