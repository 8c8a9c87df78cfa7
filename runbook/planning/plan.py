"""The plan: what would happen, drawn from the database's actual state, and all that stands in the way at once."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

import psycopg

import sql
from runbook import database
from runbook.application import fitness, release
from runbook.barrier import fence
from runbook.errors import Blocked, Refused, ReleaseUnusable, RollbackError, WrongDatabase
from runbook.models import Identity, MigrationState, Plan, Release, Script
from runbook.outlook import Trial
from runbook.planning import (
    alternatives,
    census,
    criteria,
    findings,
    forecast,
    obstacles,
    plandata,
    provenance,
    rehearsed,
)
from runbook.planning.findings import Findings
from runbook.planning.obstacles import OAUTH
from runbook.planning.trial import trial
from runbook.request import RollbackRequest, check_times, deadline
from runbook.safekeeping import backup, means
from runbook.schema import catalogue, endstate, held, leaving
from runbook.schema.catalogue import Fact
from runbook.settings import Settings

OLDEST = 140000
"""server_version_num of the oldest PostgreSQL that the scripts are written for."""

LOCK_SECONDS = 10
"""How long reading may wait for a table that somebody holds exclusively; nobody waits behind a reader."""

SCRIPTS = ("012_rollback_oauth", "011_rollback_handover", "010_rollback_knowledge_base")
"""The procedure's scripts in their order: the last migration first."""


def draw(
    conn: psycopg.Connection,
    request: RollbackRequest,
    settings: Settings,
    own: Sequence[int],
    earlier: Trial | None = None,
) -> Plan:
    """Draw the plan: read the database, and try the transaction on a copy of its schema.

    ``own`` are the backend pids of the runbook itself; ``earlier`` is a trial that is not repeated while the schema is
    the one that was tried. What stands in the way is listed in the plan's blockers. Raises
    WrongDatabase when this is not a DigitalTwin database that the scripts were written for, LockNotAvailable when
    somebody keeps a table from being read.
    """
    check_times(request, settings.identified_skew_seconds)
    with held.naming_holders(conn, own, reading=True), database.translated(), conn.transaction(force_rollback=True):
        conn.execute("SELECT set_config('lock_timeout', %s, true)", [f"{LOCK_SECONDS}s"])
        conn.execute("SELECT set_config('rollback.gemini', %s, true)", [request.gemini])
        return _drawn(conn, request, settings, own, earlier)


def _drawn(
    conn: psycopg.Connection, request: RollbackRequest, settings: Settings, own: Sequence[int], earlier: Trial | None
) -> Plan:
    _check_shadowing(conn)
    identity = recognise(conn)
    _check_readable(conn)
    facts = catalogue.read(conn)
    looked = findings.read(conn, request, settings)
    drawn = _read(conn, request, settings, facts=facts, identity=identity, looked=looked)
    drawn = replace(drawn, sessions=fence.sessions(conn, own))
    drawn = _obstructed(conn, drawn, request, settings, facts=facts, looked=looked)
    drawn = _tried(conn, drawn, facts, settings, earlier)
    drawn = rehearsed.add(drawn, request, settings)
    return _costed(conn, replace(drawn, hash=plandata.plan_hash(drawn)), request, settings)


def _read(
    conn: psycopg.Connection,
    request: RollbackRequest,
    settings: Settings,
    *,
    facts: Sequence[Fact],
    identity: Identity,
    looked: Findings,
) -> Plan:
    """Read what would happen; what stands in the way is not looked for yet."""
    states, deletion = _states(conn, facts, settings, identity), looked.deletion
    kinds, cascade = census.kinds(conn), census.cascade(deletion)
    return Plan(
        identity=identity,
        drawn_at=datetime.now(UTC),
        verdict=criteria.judge(request),
        identified_at=request.identified_at,
        decide_by=deadline(request, settings.decision_minutes),
        migrations=states,
        scripts=_scripts(states, request),
        oauth=request.oauth,
        gemini=request.gemini,
        users=kinds,
        removed=census.removed(conn, request.oauth),
        placeholders=census.placeholders(conn, request.oauth),
        cascade=cascade,
        unlinked=census.unlinked(deletion),
        kept=census.kept(conn, kinds, request.oauth, cascade),
        blocking=census.blocking(deletion),
        sessions=(),
        database_bytes=database.query(conn, "size")[0]["bytes"],
        sizes=_sizes(conn),
        release=None,
        services=settings.services if settings.project_dir else (),
        blockers=(),
        warnings=(),
        drift=endstate.drift(facts, settings, identity),
        backup=means.draw(conn, request.backup, settings),
        fires=looked.fires,
        unguarded=looked.unguarded,
        made_of=provenance.read(settings),
    )


def _obstructed(
    conn: psycopg.Connection,
    drawn: Plan,
    request: RollbackRequest,
    settings: Settings,
    *,
    facts: Sequence[Fact],
    looked: Findings,
) -> Plan:
    """Add the release, all that stands in the way, and all that should be known."""
    problems: list[str] = []
    found = obstacles.attempt(problems, lambda: _release(conn, settings, request)) if settings.project_dir else None
    warnings = [
        *(found.warnings if found else ()),
        *obstacles.warnings(conn, request, settings, drawn.drift),
        *looked.warnings,
        *leaving.announced(facts, drawn.migrations, request),
        *obstacles.of_backup(conn, drawn.backup, settings),
    ]
    problems += [*(found.blockers if found else ()), *looked.blockers, *obstacles.blockers(conn, drawn, settings)]
    return replace(drawn, release=found, blockers=problems, warnings=warnings)


def _tried(
    conn: psycopg.Connection, drawn: Plan, facts: Sequence[Fact], settings: Settings, earlier: Trial | None
) -> Plan:
    """Add what came of trying it."""
    tried = trial.run(conn, drawn, facts, settings, earlier)
    failures = tried.failures if tried else ()
    return replace(
        drawn,
        trial=tried,
        blockers=[*drawn.blockers, *failures],
        warnings=[*trial.warnings(tried), *drawn.warnings],
    )


def _costed(conn: psycopg.Connection, drawn: Plan, request: RollbackRequest, settings: Settings) -> Plan:
    """Add what it would take, and what else could be done; no approval is bound to that."""
    expected = forecast.draw(conn, drawn)
    return replace(drawn, forecast=expected, alternatives=alternatives.draw(conn, drawn, expected, request, settings))


def _sizes(conn: psycopg.Connection) -> dict[str, int]:
    """Return what is large, in bytes."""
    tables = {f"table {row['table']}": int(row["bytes"]) for row in database.query(conn, "table_sizes")}
    return {"a backup, at most": backup.estimate(conn), **tables}


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


def _check_shadowing(conn: psycopg.Connection) -> None:
    """Raise Blocked where the scripts' statements would call functions of the team's in place of PostgreSQL's own."""
    if found := database.query(conn, "shadowing"):
        raise Blocked(
            "Functions of your team's have the names of PostgreSQL's own: the scripts would not do what they say.",
            "Rename what is listed, or take its schema out of the database's search_path; then ask again.",
            "Nothing was touched.",
            reasons=[
                f"Function {row['function']} is called in place of PostgreSQL's own, since {row['schema']} is on the "
                "search_path. ALTER FUNCTION … RENAME TO another name, or ALTER DATABASE … SET search_path without it."
                for row in found
            ],
        )


def _check_readable(conn: psycopg.Connection) -> None:
    """Raise Blocked with all missing rights when not even the plan can be drawn without them."""
    if not all(row["readable"] for row in database.query(conn, "readable")):
        raise Blocked(
            f"The role {conn.info.user} may not read what the plan is drawn from.",
            "Let the database's administrator run the statements below, then ask again.",
            "Nothing was touched.",
            reasons=obstacles.rights(conn),
        )


def migration_states(conn: psycopg.Connection, settings: Settings) -> dict[str, MigrationState]:
    """Return for each migration whether it is applied, absent, or something in between."""
    return _states(conn, catalogue.read(conn), settings, database.identity(conn))


def _states(
    conn: psycopg.Connection, facts: Sequence[Fact], settings: Settings, identity: Identity
) -> dict[str, MigrationState]:
    probes, away = database.query(conn, "applied"), endstate.away(facts, settings, identity)
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
        digest = sql.digest(name)
        if number == OAUTH and request.oauth == "keep":
            scripts.append(Script(number, name, digest, "skip", "OAuth users are kept (the procedure's option 3)"))
        else:
            scripts.append(Script(number, name, digest, "run", states[number]))
    return scripts


def _release(conn: psycopg.Connection, settings: Settings, request: RollbackRequest) -> Release:
    if request.previous_tag is None:
        raise RollbackError("No previous release is named.", "Give previous_tag: the git tag that comes back.")
    found = release.inspect(settings, request.previous_tag)
    fitness.check_queries(conn, settings, found)
    return found


def check(plan: Plan) -> None:
    """Raise Refused when the criteria do not justify this plan, Blocked when something stands in its way."""
    if not plan.needed:
        return
    if plan.verdict.word == "not justified":
        raise Refused(
            f"Not justified. {plan.verdict.reason}",
            "Fix it forward or by a hotfix. Where a trigger of the procedure holds, ask again and name it.",
            "Nothing was touched; the services run as before.",
        )
    if plan.blockers:
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
