"""Where we stand: what was done, what state the data is in, whether it is safe to stop, and what to do next."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from itertools import takewhile
from typing import Any

import psycopg

from runbook import database, env_file, journal, refusals, sealed
from runbook.approval import proposals
from runbook.barrier import fence, watchdog
from runbook.errors import DatabaseFenced, RollbackError, SecondRunner
from runbook.models import Identity, Step
from runbook.planning import plan
from runbook.refusals import NONE, Refusals
from runbook.settings import Settings
from runbook.telling import recipients, told
from runbook.telling.summary import START, STOP
from runbook.telling.told import Told

Row = Mapping[str, Any]
SHOWN = 5
"""How many runs are named that are not believed."""
UNFINISHED = {"running": "was killed", "failed": "failed", "cancelled": "was cancelled"}
"""Outcomes of runs that did not commit and may have left something; how to say it."""


@dataclass(frozen=True)
class Standing:
    """The answer to "where do we stand?"."""

    database: str
    identity: Identity | None
    migrations: Mapping[str, str]
    fenced: bool
    runner: str
    """Who works on the database now; empty: nobody."""
    last: Row | None
    """The newest run of the journal that this worker wrote."""
    steps: Sequence[Step]
    """Its steps."""
    state: str
    safe: bool
    """Whether one may stop here: users are served, nothing is half done."""
    next: str
    proposals: Sequence[str] = ()
    """Proposals for this database within the last day, a line each."""
    told: Mapping[str, Told] = field(default_factory=dict)
    """Who was told, by incident: of the newest run's, and of each in which somebody waits."""
    settings_file: str = ""
    """The .env whose settings count here; empty: there is none, and the environment alone counts."""
    refused: Refusals = NONE
    """The runs that the worker refused of late, where this user may read its store."""


def read(settings: Settings) -> Standing:
    """Read where we stand. Raises DatabaseUnavailable when nobody can tell."""
    try:
        conn = database.connect()
    except DatabaseFenced:
        return _behind_the_fence(settings)
    with closing(conn):
        runs = journal.runs(conn, settings)
        last = _believed(runs)
        runner = _runner(conn)
        migrations = plan.migration_states(conn, settings)
        steps = journal.steps(conn, last["id"], settings) if last else []
        state, safe, then = sentence(last, runner, migrations, steps)
        state = " ".join([state, *doubts(runs, journal.strangers(conn))])
        ended = recipients.counts(conn)
        state, then = untold(state, then, {} if runner else ended)
        identity = database.identity(conn)
        return Standing(
            database=conn.info.dbname,
            identity=identity,
            migrations=migrations,
            fenced=False,
            runner=runner,
            last=last,
            steps=steps,
            state=state,
            safe=safe,
            next=then,
            proposals=proposals.earlier(settings, identity),
            told={one: who for one, who in ended.items() if who.open or (last and one == last["incident"])},
            settings_file=_settings_file(),
            refused=_refused(settings),
        )


def _believed(runs: Sequence[Row]) -> Row | None:
    """Return the newest run that this worker wrote."""
    return next((row for row in runs if row["proved"]), None)


def doubts(runs: Sequence[Row], strangers: Sequence[str]) -> list[str]:
    """Say what of the journal is not believed: rows newer than the newest that is, and what is not the runbook's."""
    said = []
    newer = list(takewhile(lambda row: not row["proved"], runs))
    if newer:
        names = ", ".join(f"{sealed.shown(row['incident'])} ({row['id']})" for row in newer[:SHOWN])
        more = f" and {len(newer) - SHOWN} more" if len(newer) > SHOWN else ""
        said.append(
            f"Not believed, since an earlier version or somebody else wrote it, or changed it: run {names}{more}. "
            "To go on with one of them needs an approval."
        )
    if strangers:
        said.append(f"Schema rollback is not touched: {' '.join(strangers)}")
    return said


def _behind_the_fence(settings: Settings) -> Standing:
    """Describe a database that takes no connections: somebody works on it, or a runner died."""
    try:
        name, runner = fence.abandoned(settings), ""
        state = (
            "A runner that is gone left the fence closed: nobody can connect. Its transaction is there as a whole or "
            f"not at all; the journal behind the fence knows which. {_opens(settings, name)}"
        )
        then = "rollback run for the same incident (goes on), or rollback fence open (lets everybody in)."
    except SecondRunner as living:
        name, runner = fence.target(), living.problem
        state, then = "A rollback is at work behind the fence.", "Wait for it, or follow it in the Prefect UI."
    return Standing(
        name,
        None,
        {},
        True,
        runner,
        None,
        [],
        state,
        False,
        then,
        settings_file=_settings_file(),
        refused=_refused(settings),
    )


def _refused(settings: Settings) -> Refusals:
    """Read what the worker refused; a store that cannot be read must not hide where the database stands."""
    try:
        return refusals.read(settings)
    except RollbackError as error:
        return Refusals(0, f"is not known: {error.problem}")


def _settings_file() -> str:
    return str(env_file.found() or "")


def _opens(settings: Settings, name: str) -> str:
    """Say whether the fence opens by itself."""
    with closing(database.connect(settings.maintenance_database)) as conn:
        watched = watchdog.stands(conn, name)
    if watched:
        return f"The server opens it by itself {settings.fence_orphan_seconds:g} s after the runner's end."
    return "It does not open by itself: the watchdog in the server is gone (was the server restarted?)."


def _runner(conn: psycopg.Connection) -> str:
    return database.runner(database.query(conn, "runner", database=conn.info.dbname))


def sentence(
    last: Row | None, runner: str, migrations: Mapping[str, str], steps: Sequence[Step] = ()
) -> tuple[str, bool, str]:
    """Return what state things are in, whether it is safe to stop here, and what to do next."""
    if runner:
        return "A rollback is under way.", False, "Follow it, and answer it when it waits for an approval."
    in_force = [number for number, state in migrations.items() if state != "absent"]
    back = set(in_force) <= set(_kept(last["request"])) if last else False
    if last and last["committed"] and back and last["outcome"] != "done":
        return (
            "The database is rolled back, but the run did not come to its end: release, services, checks or messages "
            "are missing.",
            False,
            f"rollback run --incident {last['incident']} … goes on where it stopped.",
        )
    if not in_force:
        return "The database is at its baseline: nothing is left to roll back.", True, "Nothing."
    if last and last["outcome"] == "done" and last["committed"] and back:
        return f"The database is rolled back; kept, as was chosen: {', '.join(in_force)}.", True, "Nothing."
    said = "The transformation is in force: " + ", ".join(f"{number} {migrations[number]}" for number in in_force) + "."
    if last and last["outcome"] in UNFINISHED:
        said += " The last run did not commit: the database is as it was before."
    if last and last["outcome"] in UNFINISHED and services_stopped(steps):
        how = UNFINISHED[last["outcome"]]
        said += f" It {how} while the services were stopped: they may still be."
        return said, False, f"rollback run --incident {last['incident']} … starts over; or start the services by hand."
    return said, True, "rollback plan shows what a rollback would do."


def untold(state: str, then: str, ended: Mapping[str, Told]) -> tuple[str, str]:
    """Return state and next step, saying also for which incidents somebody waits to be told."""
    waits = {incident: who for incident, who in ended.items() if who.open}
    said = [f"Not everybody is told of {incident}: {told.counts(who)}." for incident, who in waits.items()]
    todo = [told.remedy(who, incident) for incident, who in waits.items()]
    return " ".join([state, *said]), " ".join([*(() if todo and then == "Nothing." else [then]), *todo])


def services_stopped(steps: Sequence[Step]) -> bool:
    """Tell whether a run stopped the services, or was about to, and did not start them again."""
    stopped = any(step.name == STOP and step.outcome != "skipped" for step in steps)
    return stopped and not any(step.name in START and step.outcome == "done" for step in steps)


def _kept(request: Row) -> list[str]:
    """Return the migrations that a request leaves in force."""
    choices = (("012", "oauth"), ("013", "gemini"))
    return [number for number, field in choices if request.get(field) == "keep"]


def after_opening(runs: Sequence[Row]) -> str:
    """Say what an opened fence means for the run that had closed it."""
    if runs and runs[0]["outcome"] == "running":
        return (
            f"Its run for {runs[0]['incident']} is not finished; services may still be stopped. "
            "rollback status says where it stands."
        )
    return "No run is unfinished."


def as_json(standing: Standing) -> dict[str, object]:
    """Return the standing as plain values."""
    return asdict(standing)
