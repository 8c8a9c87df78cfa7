"""The forecast: how long each step and the outage would take now, from what runs on this database took before."""

from collections.abc import Mapping, Sequence
from statistics import median

import psycopg

from runbook import database, journal
from runbook.database import Row
from runbook.models import Plan
from runbook.outlook import Forecast, StepForecast

RUNS = 5
"""From how many of a step's newest runs its time is taken; the median counts."""

BACKUP, PORTABLE = "back up", "portable dump"
SERVICES = ("prepare release", "stop services", "restore release")
"""Steps with nothing to do where the runbook does not manage the application."""

TYPICAL: Mapping[str, float] = {
    "assess": 2,
    "prepare release": 120,
    "stop services": 10,
    "fence": 1,
    BACKUP: 1,
    "settle OAuth users": 1,
    "012": 0.1,
    "011": 0.1,
    "010": 0.1,
    "verify the schema": 1,
    "restore release": 5,
    "open and start": 20,
    "verify": 2,
    "notify": 5,
    PORTABLE: 2,
}
"""Guesses in s, in the order of the steps, until a run was measured; portable dump: and PROOF_SPEED."""
PROOF_SPEED = 25_000_000
"""A guess: bytes of the database that are dumped, restored and compared in a second."""
OUTAGE = ("stop services", "open and start")
"""The outage begins with the first and ends with the second."""


def draw(conn: psycopg.Connection, plan: Plan) -> Forecast:
    """Forecast the run of this plan; reads the journal where there is one."""
    past = database.query(conn, "forecast_steps", runs=RUNS) if journal.exists(conn) else []
    return made(plan, past)


def made(plan: Plan, past: Sequence[Row]) -> Forecast:
    """Make the forecast from ``past``: rows of name, seconds and the database's bytes then."""
    steps = [_step(name, plan, [row for row in past if row["name"] == name]) for name in _names(plan)]
    names = [step.name for step in steps]
    first, last = (names.index(name) for name in OUTAGE)
    return Forecast(
        steps=steps,
        seconds=sum(step.seconds for step in steps),
        outage_seconds=sum(step.seconds for step in steps[first : last + 1]),
        basis=basis(steps),
    )


def _names(plan: Plan) -> list[str]:
    """List the steps that have something to do, besides the person's who decides."""
    skipped = {script.migration for script in plan.scripts if script.action == "skip"}
    skipped |= {"settle OAuth users"} if plan.oauth == "keep" else set()
    skipped |= set(SERVICES) - {OUTAGE[0]} if plan.release is None else set()
    skipped |= {PORTABLE} if plan.backup.method == "dump" else set()
    return [name for name in TYPICAL if name not in skipped]


def _step(name: str, plan: Plan, past: Sequence[Row]) -> StepForecast:
    if name == BACKUP:
        return StepForecast(name, plan.backup.way.seconds, plan.backup.way.runs)
    idle = name in SERVICES and plan.release is None
    if idle or not past:
        return StepForecast(name, 0 if idle else _typical(name, plan), 0)
    return StepForecast(name, median(_scaled(row, plan) for row in past), len(past))


def _typical(name: str, plan: Plan) -> float:
    if name == "open and start" and plan.release is None:
        return 1
    return TYPICAL[name] + (plan.database_bytes / PROOF_SPEED if name == PORTABLE else 0)


def _scaled(row: Row, plan: Plan) -> float:
    """Scale the portable dump's time to today's size; the other steps take no time in proportion to the data."""
    grown = plan.database_bytes / row["bytes"] if row["name"] == PORTABLE and row["bytes"] else 1
    return float(row["seconds"] * grown)


def basis(steps: Sequence[StepForecast]) -> str:
    """Say what the figures rest on."""
    guessed = [step.name for step in steps if not step.runs and step.seconds]
    runs = max((step.runs for step in steps), default=0)
    if not runs:
        return "a guess from typical figures: no run was measured on this database"
    measured = f"measured in the last {runs} runs here" if runs > 1 else "measured in the last run here"
    rest = f"; a guess for {', '.join(guessed)}" if guessed else ""
    return f"{measured}, what grows with the data scaled to today's size{rest}"
