"""The trial of a plan: what came of it, in words that an operator acts on."""

from collections.abc import Sequence
from contextlib import closing

import psycopg

from runbook import database, figures
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.outlook import Trial
from runbook.schema import held
from runbook.schema.catalogue import Fact
from runbook.settings import Settings
from runbook.trial import attempt, schema_copy
from runbook.trial.attempt import Failure
from runbook.trial.schema_copy import Clock

UNKNOWN = "whether the scripts, the verification and the way back work on this schema is not known until they run"
REMEDIES = {
    "permission denied to create database": "ALTER ROLE {user} CREATEDB, then plan again.",
    "read-only transaction": "Plan on the primary server.",
    "too many connections": "End some sessions, then plan again.",
    "remaining connection slots": "End some sessions, then plan again.",
}
"""What to do where there was no trial, by what PostgreSQL says."""
REMEDY = "Mend what is named (or drop it and make it again after the rollback), then plan again."


def run(
    conn: psycopg.Connection, plan: Plan, facts: Sequence[Fact], settings: Settings, earlier: Trial | None = None
) -> Trial | None:
    """Try this plan's transaction on a copy of the schema; None where there is nothing to try.

    ``conn`` is connected to the database, which is only read; ``facts`` are its catalogue's. ``earlier`` is a trial
    that stands for this one where the schema is still the one that was tried.
    """
    if not plan.needed:
        return None
    schema = schema_copy.digest(facts)
    if earlier and earlier.schema == schema and not earlier.not_tried:
        return earlier
    if not settings.trial_seconds:
        return Trial(0, schema, not_tried="ROLLBACK_TRIAL_SECONDS is 0.")
    clock = Clock(settings.trial_seconds)
    try:
        with held.naming_holders(conn, [conn.info.backend_pid], reading=True):
            return _tried(conn, plan, facts, settings, clock)
    except RollbackError as error:
        remedy = error.remedy or next((do for sign, do in REMEDIES.items() if sign in error.problem), "")
        said = f"{error.problem.removeprefix('PostgreSQL refused: ').rstrip('.')}. {remedy.format(user=conn.info.user)}"
        return Trial(clock.spent, schema, not_tried=" ".join(said.split()))


def _tried(conn: psycopg.Connection, plan: Plan, facts: Sequence[Fact], settings: Settings, clock: Clock) -> Trial:
    with (
        closing(database.connect(settings.maintenance_database)) as maintenance,
        schema_copy.opened(maintenance, plan.identity, facts, settings, clock) as copy,
    ):
        failures = attempt.transaction_and_after(copy.database, plan, settings, clock.left())
        back, beyond = attempt.way_back(maintenance, conn, copy.database, plan)
    new = [failure for failure in failures if not _known(failure, plan)]
    lines = [_words(failure, plan) for failure in [*new, *back]]
    return Trial(clock.spent, schema_copy.digest(facts), lines, copy.left_out, beyond)


def _known(failure: Failure, plan: Plan) -> bool:
    """Tell whether the catalogue named what a script would fail on already."""
    return any(line.startswith(f"{failure.step}: ") for line in plan.blockers)


def _words(failure: Failure, plan: Plan) -> str:
    """Say what would fail, and what to do now."""
    titles = {script.migration: script.title for script in plan.scripts}
    step = titles.get(failure.step, failure.step)
    problem = " ".join(failure.problem.replace("\n  - ", " ").split()).rstrip(".")
    return f"'{step}' fails on a copy of this schema: {problem}. {failure.remedy or REMEDY}"


def warnings(trial: Trial | None) -> list[str]:
    """List what should be known of the trial: that there was none, and what it left out."""
    if trial is None:
        return []
    if trial.not_tried:
        return [f"{sentence(trial)}."]
    left = [f"Tried without {schema_copy.named(trial.left_out)}: this role cannot copy it."] if trial.left_out else []
    return [*left, *trial.warnings]


def sentence(trial: Trial) -> str:
    """Say in a line what came of it."""
    if trial.not_tried:
        return f"Not tried, because {trial.not_tried.rstrip('.')}; {UNKNOWN}"
    found = figures.count(len(trial.failures), "failure") if trial.failures else "all of it went through"
    return f"Tried on a copy of the schema in {trial.seconds:.1f} s: {found}"
