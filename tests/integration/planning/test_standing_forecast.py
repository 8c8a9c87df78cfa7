"""The standing forecast against a real Prefect server and a real database."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from prefect.utilities.callables import parameter_schema
from pydantic import ValidationError

from flows.plan import artifact_key, plan, versions
from runbook import settings
from runbook.errors import WrongDatabase
from runbook.planning.standingforecast import ForecastRequest
from tests import runbook_runs
from tests.databases import Database

pytestmark = pytest.mark.usefixtures("prefect")

PARAMETERS: dict[str, Any] = parameter_schema(plan).model_dump()


@pytest.fixture
def aimed(aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Database:
    runbook_runs.aim(monkeypatch, aimed, tmp_path, target=aimed.dbname)  # a history of this test's own
    return aimed


def table(artifact: dict[str, Any]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(artifact["data"])
    return rows


def test_it_says_what_would_happen_now_and_keeps_its_history(aimed: Database) -> None:
    before, key = aimed.checksums(), artifact_key(settings.load())
    first = plan(return_state=True)
    assert first.is_completed(), first.message
    assert str(first.message).startswith("If you rolled back now: ")
    assert "16 rows would get a placeholder, 0 rows would be deleted; users offline for" in str(first.message)
    assert aimed.checksums() == before

    aimed.value("INSERT INTO users (email, full_name, role) VALUES ('n@example.org', 'N', 'end_user') RETURNING 1")
    plan()
    plan(ForecastRequest(oauth="delete", history=2))

    pages, tables = versions(key, 9), versions(f"{key}-history", 9)
    assert (len(pages), len(tables)) == (3, 3)
    assert pages[2]["data"].startswith("# If you rolled back now")
    assert "## What it would cost, and what else could be done" in pages[2]["data"]
    assert "Not justified" not in pages[0]["data"]
    assert [row["OAuth only"] for row in table(tables[1])] == [6, 5]
    rows = table(tables[0])
    assert len(rows) == 2  # as many as were wanted, the newest first
    assert rows[0]["deleted"] > 0
    assert rows[1]["deleted"] == 0


def test_it_writes_nothing_to_the_database(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute(f"ALTER DATABASE {aimed.dbname} SET default_transaction_read_only = on")
    before = aimed.checksums()
    assert plan(ForecastRequest(oauth="delete"), return_state=True).is_completed()
    assert aimed.checksums() == before
    assert aimed.value("SELECT to_regnamespace('rollback') IS NULL")


def test_what_stands_in_the_way_is_known_before_the_incident(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("CREATE TABLE digital_twins (id int)")
    state = plan(return_state=True)
    assert state.is_completed(), state.message
    assert "BLOCKED by" in str(state.message)
    assert "## Blocked because" in versions(artifact_key(settings.load()), 1)[0]["data"]


def test_a_database_at_its_baseline_has_nothing_to_forecast(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runbook_runs.aim(monkeypatch, database, tmp_path, target=database.dbname)
    state = plan(return_state=True)
    assert state.message == "If you rolled back now: nothing would happen, the database is at its baseline"
    assert table(versions(f"{artifact_key(settings.load())}-history", 1)[0])[0]["go ahead"] == "nothing to do"


def test_another_database_is_refused(new_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, new_database(messages=None), tmp_path)
    state = plan(return_state=True)
    assert state.is_failed()
    assert isinstance(state.result(raise_on_failure=False), WrongDatabase)


@pytest.mark.parametrize(
    ("target", "key"),
    [
        ("production", "forecast"),
        ("staging", "forecast-staging"),
        ("EU West/2", "forecast-eu-west-2"),
        ("…", "forecast"),
    ],
)
def test_each_target_has_a_history_of_its_own(target: str, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_TARGET", target)
    assert artifact_key(settings.load()) == key


def test_the_form_has_menus_and_safe_defaults() -> None:
    fields = PARAMETERS["definitions"]["ForecastRequest"]["properties"]
    assert fields["oauth"]["default"] == "temporary passwords"
    assert fields["oauth"]["enum"] == ["temporary passwords", "keep", "delete"]
    assert all(field["title"] and field["description"] for field in fields.values())
    assert "request" not in PARAMETERS["required"]
    for wrong in ({"oauth": "all"}, {"history": 0}, {"previous_tag": "-x"}, {"unknown": 1}):
        with pytest.raises(ValidationError):
            ForecastRequest.model_validate(wrong)


def test_the_deployment_runs_on_a_schedule_with_parameters_that_fit() -> None:
    registry = yaml.safe_load((Path(__file__).parents[3] / "prefect.yaml").read_text())
    (found,) = [one for one in registry["deployments"] if one["entrypoint"] == "flows.plan:plan"]
    assert found["name"] == "production"
    assert found["schedules"][0]["interval"] == 1800
    ForecastRequest.model_validate(found["parameters"]["request"])
