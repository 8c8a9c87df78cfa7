"""The order of the plan: each step with what it does here, as the approver reads it."""

from runbook import figures
from runbook.models import Plan, Release, Script
from runbook.planning import choices

PORTABLE = "With the users back: take the portable dump from the snapshot, and prove it by restoring it."


def steps(plan: Plan) -> list[str]:
    """List the steps in their order, with what each does here."""
    if plan.taken_up:
        return _after(plan)
    if not plan.needed:
        return ["Nothing. Neither services nor database are touched."]
    names = ", ".join(plan.services)
    return [
        _stop(plan) if names else "No services are stopped: none are managed here.",
        "Let nobody else into the database.",
        _back_up(plan),
        *_transaction(plan),
        "Commit: the point of no return.",
        *_forward(plan),
        *([PORTABLE] if _by_snapshot(plan) else []),
    ]


def _after(plan: Plan) -> list[str]:
    """List what is left to do after the commit."""
    return ["The transaction committed before: nothing in the database is changed any more.", *_forward(plan)]


def _forward(plan: Plan) -> list[str]:
    names = ", ".join(plan.services)
    return [
        _release(plan.release) if plan.release else "No release is brought back: none managed here.",
        f"Let everybody in again and start: {names}." if names else "Let everybody in again.",
        "Verify with the queries of the procedure; tell the team and the users.",
    ]


def _stop(plan: Plan) -> str:
    """Name the services, and the very containers that are theirs."""
    names, release = ", ".join(plan.services), plan.release
    if release is None or not release.compose.name:
        return f"Stop the services: {names}."
    found = f"the containers {', '.join(release.containers)}" if release.containers else "none of their containers runs"
    return f"Stop the services: {names} ({found}; {release.compose.words})."


def _by_snapshot(plan: Plan) -> bool:
    return plan.backup.method == "snapshot"


def _back_up(plan: Plan) -> str:
    size = figures.size(plan.database_bytes)
    if _by_snapshot(plan):
        return f"Back up the database ({size}) by a snapshot: a copy on the same server."
    return f"Back up the database ({size}) by pg_dump and check the dump."


def _release(release: Release) -> str:
    checked = f"; before it is started, it is checked by {' and by '.join(release.checks)}" if release.checks else ""
    return f"Bring back release {release.tag}{checked}."


def _transaction(plan: Plan) -> list[str]:
    settle = "leave OAuth users as they are" if plan.oauth == "keep" else f"settle OAuth users ({plan.oauth})"
    if not choices.touched(plan):
        settle = "no OAuth users to settle, since 012 is not applied"
    steps = [f"In one transaction: {settle}."]
    steps += [f"In it: {_script(script)}" for script in plan.scripts]
    if plan.gemini == "remove":
        steps += ["In it: rows with llm_provider gemini move to openai and the label gemini is removed."]
    return [*steps, "In it: compare the schema with the declared end state; a difference takes everything back."]


def _script(script: Script) -> str:
    if script.action == "skip":
        return f"{script.migration} is skipped: {script.why}"
    return f"{script.migration} runs ({figures.short(script.sha256)}): {script.why}"
