"""A database that was never quite the declared one is rolled back all the same, and what differs stays and is named."""

from pathlib import Path

import pytest

from tests import runbook_runs
from tests.databases import ALL, Database, Templates, migrate

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.pg("18")]

DRIFT = """
    ALTER TABLE users ALTER is_active SET DEFAULT false;
    COMMENT ON COLUMN digital_twins.rag_config IS 'x';
    DROP INDEX idx_digital_twins_semantic_config;
    CREATE INDEX idx_digital_twins_semantic_config ON digital_twins (semantic_search_threshold) WHERE is_active;
    DROP VIEW llm_user_costs;
    CREATE VIEW llm_user_costs AS SELECT user_id, twin_id, ''::text AS twin_name FROM llm_usage;
    DROP INDEX idx_subscriptions_tier;
"""


def test_drift_does_not_stop_the_rollback(
    templates: Templates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with templates.copy(messages=20) as database:
        with database.connect() as conn:
            conn.execute(DRIFT)
        migrate(database, ALL)
        runbook_runs.aim(monkeypatch, database, tmp_path)
        state = runbook_runs.run()
        assert state.name == "Completed", outcome(database)
        assert database.value("SELECT to_regclass('digital_twins') IS NOT NULL")
        assert database.value("SELECT count(*) FROM pg_views WHERE definition ~ '''''::text AS twin_name'") == 1


def outcome(database: Database) -> list[object]:
    return database.column("SELECT concat_ws(' ', name, outcome, found::text) FROM rollback.step ORDER BY id")
