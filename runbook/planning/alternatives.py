"""The ways out of the incident, each with its price: minutes, and rows lost."""

from datetime import datetime

import psycopg
from psycopg import sql as compose

from runbook import database, figures
from runbook.models import Plan
from runbook.outlook import Alternative, Forecast
from runbook.request import RollbackRequest
from runbook.settings import Settings

RESTORE_SPEED = 30_000_000
"""A guess: bytes of the database that pg_restore brings back in a second, indexes included."""
COUNT_SECONDS = 10
"""How long counting what was written since the transformation may take."""
AROUND = ("stop services", "fence", "restore release", "open and start")
"""Steps of the outage that restoring a dump needs as well; before it, the release is prepared."""


def draw(
    conn: psycopg.Connection, plan: Plan, forecast: Forecast, request: RollbackRequest, settings: Settings
) -> list[Alternative]:
    """Cost rolling back, restoring the dump from before the transformation, and fixing forward; reads only."""
    return [_roll_back(plan, forecast), _restore(conn, plan, forecast, settings), _fix_forward(request)]


def _roll_back(plan: Plan, forecast: Forecast) -> Alternative:
    deleted = plan.users.get("OAuth only", 0) + sum(plan.cascade.values()) if plan.oauth == "delete" else 0
    remark = f"outage {figures.duration(forecast.outage_seconds)}; {forecast.basis}"
    return Alternative("roll back", forecast.seconds / figures.MINUTE, deleted, remark)


def _restore(conn: psycopg.Connection, plan: Plan, forecast: Forecast, settings: Settings) -> Alternative:
    took = {step.name: step.seconds for step in forecast.steps}
    outage = sum(took.get(name, 0) for name in AROUND) + plan.database_bytes / RESTORE_SPEED
    rows, remark = _written(conn, settings.transformed_at)
    words = f"outage {figures.duration(outage)}, a guess; needs a dump from before the transformation; {remark}"
    minutes = (took.get("prepare release", 0) + outage) / figures.MINUTE
    return Alternative("restore the dump from before the transformation", minutes, rows, words)


def _written(conn: psycopg.Connection, since: datetime | None) -> tuple[int | None, str]:
    """Count what was written since the transformation, and say how; None where nobody knows."""
    if since is None:
        return None, "what was written since is lost: unknown how much, set ROLLBACK_TRANSFORMED_AT"
    tables = database.query(conn, "dated_tables")
    dated, others = ([row["table"] for row in tables if row["dated"] is wanted] for wanted in (True, False))
    try:
        with conn.transaction(force_rollback=True):
            conn.execute("SELECT set_config('statement_timeout', %s, true)", [f"{COUNT_SECONDS}s"])
            rows = _count(conn, dated, since)
    except psycopg.errors.QueryCanceled:
        return None, f"what was written since {figures.moment(since)} is lost: too much to count in {COUNT_SECONDS} s"
    beside = f", without {figures.count(len(others), 'table')} that have no created_at" if others else ""
    return rows, f"rows written since {figures.moment(since)}{beside}; changes to older rows are lost too"


def _count(conn: psycopg.Connection, tables: list[str], since: datetime) -> int:
    """Count the rows of these tables since a moment, in one statement."""
    one = compose.SQL("SELECT count(*) AS rows FROM public.{} WHERE created_at::timestamptz >= {}")
    each = [one.format(compose.Identifier(name), since) for name in tables]
    query = compose.SQL("SELECT coalesce(sum(rows), 0)::int8 FROM ({}) AS counts")
    row = conn.execute(query.format(compose.SQL(" UNION ALL ").join(each))).fetchone() if each else None
    return int(row[0]) if row else 0


def _fix_forward(request: RollbackRequest) -> Alternative:
    minutes = request.fix_forward_minutes
    said = "as the request says" if minutes is not None else "nobody said how long: fix_forward_minutes of the request"
    return Alternative("fix forward", minutes, 0, f"{said}; the incident goes on until then")
