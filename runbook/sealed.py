"""The journal's rows as they are sealed: what the seal of a run, a step, a decision and an end covers."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from psycopg.types.json import Jsonb

from runbook import seals
from runbook.database import Row
from runbook.models import Plan, Step
from runbook.planning import plandata
from runbook.settings import Settings

if TYPE_CHECKING:
    from runbook.runs import Run

LONGEST = 400
"""How many characters of a name are shown that somebody else may have written."""
RUN = ("id", "incident", "target", "request", "plan", "plan_hash", "started")
STEP = ("run_id", "name", "started", "ended", "outcome", "found")
APPROVAL = ("run_id", "came", "decision", "name", "role", "comment", "without_rehearsal", "plan_hash")
ADDED = ("locks", "undone")
"""What is added to a step's findings after its end."""
NOT_OURS = "This row was not written by this worker, or was changed since: it is not believed."


def shown(text: object) -> str:
    """Return what may be shown of a text that somebody else may have written: one short line, no control characters."""
    return "".join(one if one.isprintable() else "?" for one in str(text))[:LONGEST]


def run(run: "Run", plan: Plan, started: datetime) -> dict[str, Any]:
    """Return the row of a run that begins, with its seal."""
    request, drawn = run.request.model_dump(mode="json"), plandata.plan_json(plan)
    values = (run.id, run.request.incident, run.settings.target, request, drawn, plan.hash, started)
    return {
        "id": run.id,
        "incident": run.request.incident,
        "target": run.settings.target,
        "request": Jsonb(request),
        "plan": Jsonb(drawn),
        "hash": plan.hash,
        "started": started,
        "mac": seals.make(run.settings, "run", *values),
    }


def is_run(settings: Settings, row: Row) -> bool:
    """Tell whether this worker wrote the row of a run: its beginning and, where it has ended, its end."""
    if not seals.holds(settings, row["mac"], "run", *(row[name] for name in RUN)):
        return False
    open_still = row["outcome"] == "running" and not row["state"]
    return open_still or seals.holds(settings, row["end_mac"], "end", row["id"], row["outcome"], row["state"])


def end(settings: Settings, run_id: UUID, outcome: str, state: str) -> str:
    """Return the seal of a run's end."""
    return seals.make(settings, "end", run_id, outcome, state)


def step(run: "Run", step: Step) -> dict[str, Any]:
    """Return the row of a step, with its seal where it has ended."""
    fields = asdict(step)
    row = {"run": run.id, **fields, "found": Jsonb(dict(step.found)), "mac": ""}
    return row | ({"mac": seals.make(run.settings, *_of_step({**fields, "run_id": run.id}))} if step.ended else {})


def is_step(settings: Settings, row: Row) -> bool:
    """Tell whether this worker wrote the row of a step that has ended."""
    return seals.holds(settings, row["mac"], *_of_step(row))


def read_step(settings: Settings | None, row: Row) -> Step:
    """Return a step; given ``settings``, one that has ended and was not written by this worker says just that."""
    known = {name: row[name] for name in ("name", "started", "ended", "outcome", "found")}
    if settings is None or is_step(settings, row):
        return Step(**known)
    if row["outcome"] == "running":  # it has no seal before it ends, and says nothing yet
        return Step(**{**known, "found": {}})
    # Where its transaction was rolled back, a statement marked it.
    why = {"undone": row["found"]["undone"]} if "undone" in row["found"] else {"error": NOT_OURS}
    return Step(**{**known, "outcome": "failed", "found": why})


def approval(run: "Run", said: Mapping[str, Any]) -> dict[str, Any]:
    """Return the row of a decision, with its seal."""
    values = {"run_id": run.id, **said}
    return {"run": run.id, **said, "mac": seals.make(run.settings, "approval", *(values[name] for name in APPROVAL))}


def is_approval(settings: Settings, run_id: UUID, row: Row) -> bool:
    """Tell whether this worker wrote the row of a decision in this run."""
    values = {**row, "run_id": run_id}
    return seals.holds(settings, row["mac"], "approval", *(values[name] for name in APPROVAL))


def _of_step(row: Row) -> tuple[Any, ...]:
    found = {name: value for name, value in row["found"].items() if name not in ADDED}
    return ("step", *(found if name == "found" else row[name] for name in STEP))
