"""The trial of a plan: what came of it, in words that an operator acts on."""

import re
from collections.abc import Sequence
from contextlib import closing

import psycopg

from runbook import database, figures
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.outlook import Trial
from runbook.planning.trial import attempt, sample_rows, schema_copy
from runbook.planning.trial.attempt import Failure
from runbook.planning.trial.sample_rows import Sample
from runbook.planning.trial.schema_copy import Clock
from runbook.schema import held
from runbook.schema.catalogue import Fact
from runbook.settings import Settings

UNKNOWN = "whether the scripts, the verification and the way back work on this schema is not known until they run"
REMEDIES = {
    "42501": "Give this role what it lacks (for a database of its own: ALTER ROLE {user} CREATEDB), then plan again.",
    "25006": "Plan on the primary server.",
}
"""What to do where there was no trial, by SQLSTATE: a right is missing, nothing can be written here."""
CONSTRAINT = re.compile(r'constraint "([^"]+)"')
"""How PostgreSQL names a constraint that refuses a row."""
EMPTY_BUT = " Does it fail only because there are few rows? Then set ROLLBACK_TRIAL_ROWS=false and plan again."
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
        remedy = error.remedy or REMEDIES.get(getattr(error, "sqlstate", None) or "", "")
        said = f"{error.problem.removeprefix('PostgreSQL refused: ').rstrip('.')}. {remedy.format(user=conn.info.user)}"
        return Trial(clock.spent, schema, not_tried=" ".join(said.split()))


def _tried(conn: psycopg.Connection, plan: Plan, facts: Sequence[Fact], settings: Settings, clock: Clock) -> Trial:
    schema_copy.check_room(conn)
    samples = _samples(conn, plan, settings) if settings.trial_rows else []
    with (
        closing(database.connect(settings.maintenance_database)) as maintenance,
        schema_copy.opened(maintenance, plan.identity, facts, settings, clock) as copy,
    ):
        by_rows, lacking = attempt.with_rows(copy.database, plan, settings, samples, clock.left())
        failures = attempt.transaction_and_after(copy.database, plan, settings, clock.left())
        back, beyond = attempt.way_back(maintenance, conn, copy.database, plan)
    said = [failure.problem for failure in failures]
    by_rows = [failure for failure in by_rows if failure.problem not in said]
    known = sum(_known(failure, plan) for failure in [*failures, *by_rows])
    lines = [_words(failure, plan) for failure in [*failures, *back] if not _known(failure, plan)]
    lines += [_words(failure, plan, EMPTY_BUT) for failure in by_rows if not _known(failure, plan)]
    return Trial(
        clock.spent, schema_copy.digest(facts), lines, copy.left_out, [*beyond, *_without_rows(lacking)], known=known
    )


def _samples(conn: psycopg.Connection, plan: Plan, settings: Settings) -> list[Sample]:
    """Read a few rows, and wait for nobody who holds their table longer than lock_timeout."""
    with database.translated(), conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{settings.lock_timeout_ms}ms"])
        return sample_rows.read(conn, plan.oauth, settings)


def _without_rows(lacking: Sequence[str]) -> list[str]:
    """Say which rows could not be put into the copy."""
    if not lacking:
        return []
    more = f"; and {len(lacking) - 1} more tables" if len(lacking) > 1 else ""
    why = f"{lacking[0].rstrip('.')}{more}"
    return [f"Tried without rows: {why}. What triggers do with rows is not known until they run."]


def _known(failure: Failure, plan: Plan) -> bool:
    """Tell whether the plan names already what a step would fail on: a script's obstacle, or a constraint."""
    names = CONSTRAINT.findall(failure.problem)
    return any(line.startswith(f"{failure.step}: ") or any(name in line for name in names) for line in plan.blockers)


def _words(failure: Failure, plan: Plan, rows: str = "") -> str:
    """Say what would fail, and what to do now."""
    titles = {script.migration: script.title for script in plan.scripts}
    step = titles.get(failure.step, failure.step)
    problem = " ".join(failure.problem.replace("\n  - ", " ").split()).rstrip(".")
    where = "a copy of this schema with a few of its rows" if rows else "a copy of this schema"
    return f"'{step}' fails on {where}: {problem}. {failure.remedy or REMEDY}{rows}"


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
    failed = len(trial.failures) + trial.known
    found = f"{figures.count(failed, 'failure')}, as listed" if failed else "all of it went through"
    return f"Tried on a copy of the schema in {trial.seconds:.1f} s: {found}"
