"""A staging that stands alone again when the test is over, whatever happened to the rehearsal."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rehearsal, waiting
from tests.databases import Database
from tests.rehearsal import STAGING, Stage
from tests.servers import Server

MARKED = "the team's staging"
IN_PRODUCTION = "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'rollback%%'"


@pytest.fixture
def stage(
    transformed: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with rehearsal.staged(transformed, other_server, tmp_path, monkeypatch) as made:
        yield made
        assert stands_alone(made), made.databases()
        with transformed.server.connect() as admin:
            waiting.until(lambda: admin.execute(IN_PRODUCTION, [transformed.dbname]).fetchone() == (0,), seconds=10)


def stands_alone(stage: Stage) -> bool:
    """Tell whether staging is as the team had it, with nothing beside it."""
    return stage.databases() == {STAGING: MARKED} and stage.staging.value("SELECT id FROM was_here") == 1
