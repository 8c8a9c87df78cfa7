"""The plan: what would happen, drawn from the database's actual state, and all that stands in the way at once."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypeVar

import psycopg

import sql
from runbook import (
    approvers,
    backup,
    catalogue,
    census,
    database,
    endstate,
    fence,
    mail,
    messages,
    plandata,
    programs,
    release,
    report,
    team,
    users,
)
from runbook.errors import Blocked, ReleaseUnusable, RollbackError, WrongDatabase
from runbook.models import Identity, MigrationState, Plan, Release, Script
from runbook.request import RollbackRequest, check_times
from runbook.settings import Settings

T = TypeVar("T")

OLDEST = 140000
"""server_version_num of the oldest PostgreSQL that the scripts are written for."""

SCRIPTS = ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")
"""The procedure's scripts in their order: the last migration first."""

OAUTH = "012"
"""The one migration for which the procedure makes an exception: its option 3 skips it."""


def draw(conn: psycopg.Connection, request: RollbackRequest, settings: Settings, own: Sequence[int]) -> Plan:
    """Draw the plan; reads only.

    ``own`` are the backend pids of the runbook itself. What stands in the way is listed in the plan's blockers. Raises
    WrongDatabase when this is not a DigitalTwin database that the scripts were written for.
    """
    check_times(request, settings.identified_skew_seconds)
    with database.translated(), conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('rollback.gemini', %s, true)", [request.gemini])
        return _drawn(conn, request, settings, own)


def _drawn(conn: psycopg.Connection, request: RollbackRequest, settings: Settings, own: Sequence[int]) -> Plan:
    identity = recognise(conn)
    _check_readable(conn)
    states = migration_states(conn, settings)
    drift = endstate.drift(catalogue.read(conn), settings, identity)
    problems: list[str] = []
    found = _attempt(problems, lambda: _release(settings, request)) if settings.project_dir else None
    deletion = users.preview_deletion(conn) if request.oauth == "delete" else None
    drawn = Plan(
        identity=identity,
        drawn_at=datetime.now(UTC),
        migrations=states,
        scripts=_scripts(states, request),
        oauth=request.oauth,
        gemini=request.gemini,
        users=census.kinds(conn),
        removed=census.removed(conn, request.oauth),
        placeholders=census.placeholders(conn, request.oauth),
        cascade=census.cascade(deletion) if deletion else {},
        unlinked=census.unlinked(deletion) if deletion else {},
        sessions=fence.sessions(conn, own),
        database_bytes=database.query(conn, "size")[0]["bytes"],
        release=found,
        services=settings.services if settings.project_dir else (),
        blockers=[],
        warnings=_warnings(conn, request, settings, drift),
        drift=drift,
    )
    drawn = replace(
        drawn,
        blockers=[*problems, *(census.forbidding(deletion) if deletion else []), *_blockers(conn, drawn, settings)],
    )
    return replace(drawn, hash=plandata.plan_hash(drawn))


def recognise(conn: psycopg.Connection) -> Identity:
    """Return which database this is. Raises WrongDatabase unless it is DigitalTwin's on a server that is new enough."""
    identity = database.identity(conn)
    remedy, state = "Check PGDATABASE, PGHOST and PGSERVICE.", "Nothing was touched."
    if identity.server_version < OLDEST:
        raise WrongDatabase(f"The server is PostgreSQL {identity.major}; 14 or newer is needed.", remedy, state)
    signs = database.query(conn, "digitaltwin")[0]
    missing = [signs["missing"]] if signs["missing"] else []
    missing += [] if signs["has_twins"] else ["digital_twins or knowledge_bases"]
    if missing:
        names = ", ".join(map(str, missing))
        raise WrongDatabase(f"{identity.database} is not DigitalTwin's database: no table {names}.", remedy, state)
    return identity


def _check_readable(conn: psycopg.Connection) -> None:
    """Raise Blocked with all missing rights when not even the plan can be drawn without them."""
    if not all(row["readable"] for row in database.query(conn, "readable")):
        raise Blocked(
            f"The role {conn.info.user} may not read what the plan is drawn from.",
            "Let the database's administrator run the statements below, then ask again.",
            "Nothing was touched.",
            reasons=_rights(conn),
        )


def _rights(conn: psycopg.Connection) -> list[str]:
    return [f"Missing right: {row['lacks']}. {row['remedy']}" for row in database.query(conn, "rights")]


def migration_states(conn: psycopg.Connection, settings: Settings) -> dict[str, MigrationState]:
    """Return for each migration whether it is applied, absent, or something in between."""
    probes = database.query(conn, "applied")
    away = endstate.away(catalogue.read(conn), settings, database.identity(conn))
    states: dict[str, MigrationState] = {}
    for number in sorted({str(probe["migration"]) for probe in probes}):
        forward = [bool(probe["forward"]) for probe in probes if probe["migration"] == number]
        if not any(forward) and number not in away:
            states[number] = "absent"
        else:
            states[number] = "applied" if all(forward) else "partial"
    return states


def _scripts(states: dict[str, MigrationState], request: RollbackRequest) -> list[Script]:
    scripts = []
    for stem in SCRIPTS:
        name, number = f"rollback/{stem}.sql", stem.partition("_")[0]
        digest = hashlib.sha256(sql.read(name).encode()).hexdigest()
        if number == OAUTH and request.oauth == "keep":
            scripts.append(Script(number, name, digest, "skip", "OAuth users are kept (the procedure's option 3)"))
        else:
            scripts.append(Script(number, name, digest, "run", states[number]))
    return scripts


def _release(settings: Settings, request: RollbackRequest) -> Release:
    if request.previous_tag is None:
        raise RollbackError("No previous release is named.", "Give previous_tag: the git tag that comes back.")
    return release.inspect(settings, request.previous_tag)


def _attempt(problems: list[str], act: Callable[[], T]) -> T | None:
    """Do ``act``; what it complains of becomes one more problem of the list."""
    try:
        return act()
    except RollbackError as error:
        problems.append(f"{error.problem} {error.remedy}".strip())
        return None


def _blockers(conn: psycopg.Connection, plan: Plan, settings: Settings) -> list[str]:
    """List everything that stands in the way, each with its remedy."""
    problems = _rights(conn)
    problems += [
        f"Prepared transaction {row['gid']} of {row['owner']} holds its locks. COMMIT or ROLLBACK PREPARED it."
        for row in database.query(conn, "prepared")
    ]
    problems += [
        f"{row['migration']}: {row['object']}: {row['why']}. {row['remedy']}"
        for row in database.query(conn, "blockers")
        if not (row["migration"] == OAUTH and plan.oauth == "keep")
    ]
    if plan.oauth == "keep" and plan.migrations[OAUTH] == "partial":
        problems.append("012 is applied in part, so it cannot be kept. Choose temporary passwords or delete.")
    _attempt(problems, lambda: programs.binaries(plan.identity.major, settings))
    _attempt(problems, lambda: backup.check_folder(settings, backup.estimate(conn)))
    _attempt(problems, lambda: report.check(settings))
    _attempt(problems, lambda: messages.check(settings))
    _attempt(problems, lambda: team.check(settings))
    _attempt(problems, lambda: approvers.check(settings))
    return problems


def _warnings(
    conn: psycopg.Connection, request: RollbackRequest, settings: Settings, drift: Sequence[str]
) -> list[str]:
    warnings: list[str] = []
    if gemini := census.gemini(conn):
        what = "get openai" if request.gemini == "remove" else "stay; the old release does not know that provider"
        warnings.append(f"{gemini} row(s) use the provider gemini (013) and {what}.")
    warnings += [
        f"Function {row['function']} names {row['words']} in its text: the catalogue cannot follow that; look at it."
        for row in database.query(conn, "mentions")
    ]
    warnings += [f"Drift from the baseline, left as it is: {line}" for line in drift]
    _attempt(warnings, lambda: mail.check(settings))
    return warnings


def check(plan: Plan) -> None:
    """Raise Blocked when something stands in the way of this plan."""
    if plan.needed and plan.blockers:
        raise Blocked(
            f"The rollback cannot go ahead: {len(plan.blockers)} thing(s) stand in the way.",
            "Mend what is listed, then ask again.",
            "Nothing was touched.",
            reasons=plan.blockers,
        )


def check_release(plan: Plan, settings: Settings) -> None:
    """Raise ReleaseUnusable when a run that goes on after its commit has no release to bring back."""
    if settings.project_dir and plan.release is None:
        raise ReleaseUnusable(
            "The release cannot be brought back: " + " ".join(plan.blockers),
            "Mend this, then run again for the same incident, with the same --previous-tag.",
        )
