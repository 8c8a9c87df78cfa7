"""The standing forecast: the plan of a rollback that nobody asked for yet, drawn on a schedule. Reads only."""

import json
import re
from contextlib import closing
from typing import Any

from prefect import flow
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows import runpage
from runbook import database, page
from runbook.models import Plan
from runbook.planning import plan as plans
from runbook.planning import standingforecast
from runbook.planning.standingforecast import ForecastRequest, Row
from runbook.settings import Settings

ASSUMED = ForecastRequest()


@flow(name="plan", persist_result=False)
def plan(request: ForecastRequest = ASSUMED) -> State[Any]:
    """Say what a rollback would do if you rolled back now, and keep the history of that.

    Nothing is written to the database, and nobody is told. Artifacts: `forecast`, whose versions are the history, and
    `forecast-history`, a table of the last of them.
    """
    loaded = runpage.load()
    drawn = _drawn(request, loaded)
    said, key = standingforecast.sentence(drawn), artifact_key(loaded)
    create_markdown_artifact(standingforecast.markdown(drawn), key=key, description=page.escape(said))
    rows = standingforecast.history(
        page.cells([standingforecast.row(drawn)])[0], earlier(f"{key}-history"), request.history
    )
    create_table_artifact(rows, key=f"{key}-history", description="What a rollback would have done, the newest first.")
    return Completed(message=said)


def _drawn(request: ForecastRequest, loaded: Settings) -> Plan:
    """Draw the plan in a transaction that PostgreSQL lets only read."""
    with closing(database.connect()) as conn, database.transaction(conn):
        conn.execute("SET TRANSACTION READ ONLY")
        return plans.draw(conn, standingforecast.assumed(request), loaded, own=[conn.info.backend_pid])


def artifact_key(loaded: Settings) -> str:
    """Return the key of the forecast's artifact: one for each target, since they have a history each."""
    name = re.sub(r"[^a-z0-9]+", "-", loaded.target.lower()).strip("-")
    return "forecast" if name in ("production", "") else f"forecast-{name}"


def earlier(key: str) -> list[Row]:
    """Return the rows that the newest version of the table with this key holds."""
    newest = versions(key, 1)
    rows = json.loads(newest[0]["data"]) if newest else []
    return [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def versions(key: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest versions of an artifact, the newest first."""
    # Not by the client's read_artifacts: it sends nulls for the filters it was not given, and the server refuses them.
    wanted = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": limit}
    with get_client(sync_client=True) as client:
        found: list[dict[str, Any]] = client.request("POST", "/artifacts/filter", json=wanted).json()
    return found
