"""The server's state: what keeps a rollback from going through here, whatever the database holds."""

import psycopg

from runbook import database, texts
from runbook.barrier import autovacuum, standbys
from runbook.database import Row
from runbook.errors import RollbackError
from runbook.safekeeping import programs
from runbook.schema import collations
from runbook.settings import Settings

CONNECTIONS, INSIDE = 4, 2
"""How many the run has at once: two in the database, two in the maintenance database (the gate and the watchdog)."""
NEAR_END, AT_END = 1_600_000_000, 2_100_000_000
"""Age of the oldest transaction number: where PostgreSQL itself makes haste, and just before it stops writing."""


def blockers(conn: psycopg.Connection, settings: Settings) -> list[str]:
    """List what stands in the way, each with its remedy."""
    [state] = database.query(conn, "server_state")
    if state["standby"]:
        return [_standby(state)]
    found = [*_unset(conn), *_connections(state, settings), *_age(state), *autovacuum.blockers(conn)]
    try:
        standbys.check(conn)
    except RollbackError as error:
        found.append(f"{error.problem} {error.remedy}")
    return found


def warnings(conn: psycopg.Connection) -> list[str]:
    """List what does not stand in the way, and should be known."""
    [state] = database.query(conn, "server_state")
    found = [*standbys.warnings(conn), *collations.warnings(conn), *_login_triggers(conn), *_vacuums(conn, state)]
    if state["read_only"] and not state["standby"]:
        remedy = state["read_only_remedy"] or "see postgresql.conf and ALTER SYSTEM"
        found.append(
            "default_transaction_read_only is on. The rollback writes all the same; the services will write nothing "
            f"until it is off ({remedy}). Find out who set it, and why."
        )
    if texts.encoding(conn) != texts.UTF8:
        found.append(_encoding(texts.encoding(conn)))
    if not state["may_use_tablespace"]:
        found.append(
            f"The database lies in tablespace {state['tablespace']}, where this role may make nothing: a dump cannot "
            f"be proved by restoring it. GRANT CREATE ON TABLESPACE {state['tablespace']} TO {state['login']};"
        )
    return found


def _standby(state: Row) -> str:
    primary = f" (it follows {state['sender']})" if state["sender"] else ""
    return (
        f"This server is a standby{primary}: nothing can be written. Let PGHOST (or PGSERVICE) name the primary server."
    )


def _unset(conn: psycopg.Connection) -> list[str]:
    """Name the settings that the runbook needs and this role may not make."""
    return [
        f"The setting {row['name']} is not {row['value']} for this role or database, and only a superuser may change "
        f"that: the rollback would not be what was tried. Reset it (ALTER ROLE … RESET {row['name']}, ALTER DATABASE … "
        f"RESET {row['name']}, or in postgresql.conf), or run this as a superuser."
        for row in database.query(conn, "pins_of_superusers")
        if row["needed"]
    ]


def _connections(state: Row, settings: Settings) -> list[str]:
    """Say where too few connections are allowed for the run's own and those of pg_dump."""
    jobs = programs.jobs(settings)
    dump = jobs + 1 if jobs > 1 else 1
    rooms = (
        (f"the role {state['login']}", state["role_room"], CONNECTIONS + dump, f"ALTER ROLE {state['login']}"),
        (
            f"the database {state['database']}",
            state["database_room"],
            INSIDE + dump,
            f"ALTER DATABASE {state['database']}",
        ),
    )
    found = [
        f"Too few connections are left for {what}: {max(0, room)}, and the run needs {needed} with pg_dump's. "
        f"{statement} CONNECTION LIMIT -1; or set ROLLBACK_DUMP_JOBS=1."
        for what, room, needed, statement in rooms
        if room is not None and room < needed
    ]
    if state["server_room"] < CONNECTIONS + dump:
        found.append(
            f"The server has {max(0, state['server_room'])} connections left for this role once everybody is off this "
            f"database, and the run needs {CONNECTIONS + dump} with pg_dump's: end sessions on other databases, or "
            "raise max_connections."
        )
    return found


def _age(state: Row) -> list[str]:
    """Say where the server is about to take no more writes."""
    return [
        f"The oldest {what} is {age:,} old: at about 2,144,000,000 the server takes no more writes. VACUUM (FREEZE) "
        "this database first, and end what holds the old ones (old transactions, prepared ones, replication slots)."
        for what, age in (("transaction number", state["xid_age"]), ("multixact", state["multixact_age"]))
        if age > AT_END
    ]


def _vacuums(conn: psycopg.Connection, state: Row) -> list[str]:
    """Say what autovacuum works on now, and what becomes of it; and where it must not be put off for long."""
    found = [
        f"Autovacuum works on {worker.table} now (pid {worker.pid}). It is ended where the rollback needs the table, "
        "and begins again by itself."
        for worker in autovacuum.workers(conn)
    ]
    if NEAR_END < max(state["xid_age"], state["multixact_age"]) <= AT_END:
        found.append(
            "The database is near the end of its transaction numbers: let autovacuum work as soon as users are served."
        )
    return found


def _login_triggers(conn: psycopg.Connection) -> list[str]:
    return [
        f"Event trigger {row['name']} runs {row['function']} whenever somebody connects, the runbook and the services "
        f"included: where it fails, nobody gets in. See that it works with the old schema, or: "
        f"ALTER EVENT TRIGGER {row['name']} DISABLE;"
        for row in database.query(conn, "login_triggers")
    ]


def _encoding(encoding: str) -> str:
    if encoding == texts.ANY:
        return (
            "The database's encoding is SQL_ASCII: the server does not know what its texts are written in. The runbook "
            "reads them as UTF-8; a letter that is none is shown as \N{REPLACEMENT CHARACTER}."
        )
    return f"The database's encoding is {encoding}: in the journal, a letter that it does not have stands as ?."
