"""The way back to the data before the rollback, as the report names it."""

import shlex

import sql
from runbook import figures
from runbook.page import Block, Code, Fixed, Table
from runbook.safekeeping.kept import Backup
from runbook.telling.summary import Summary


def section(summary: Summary) -> list[Block]:
    """Name the backups, and how to bring each back exactly; the rolled back database is kept beside it."""
    return [*_snapshot(summary), *_dump(summary)]


def _snapshot(summary: Summary) -> list[Block]:
    """Name the snapshot: by it one goes back in an instant."""
    copy = summary.copy
    if copy is None or not summary.changed:
        return []
    facts = [
        ("Snapshot", Code(copy.database)),
        ("Size", f"{figures.size(copy.bytes)}, blocks that it shares with the original counted"),
        ("Portable dump", f"proved by restoring it, {figures.moment(copy.proved)}" if copy.proved else "NOT THERE YET"),
    ]
    return [
        Table(("", ""), facts),
        _AT_ONCE,
        Fixed([go_back_command(copy.way_back, summary.database)]),
    ]


def _dump(summary: Summary) -> list[Block]:
    """Name the dump: by it one goes back as long as the file lives, also on another server."""
    taken = summary.backup
    if taken is None:
        return []
    facts = [
        ("Dump", Code(taken.path)),
        ("Size", f"{figures.size(taken.bytes)} ({taken.bytes:,} bytes), {taken.entries:,} entries"),
        ("Taken by", f"{figures.count(taken.jobs, 'job')}, compressed by {taken.compression}"),
        *([("Programs", Code(taken.programs))] if taken.programs else []),
        ("SHA-256 of its list of checksums", Code(taken.sha256)),
    ]
    table = Table(("", ""), facts)
    if not summary.changed:
        return [table, "The rollback was not committed: the backup is not needed to go back."]
    return [table, _HOW, Fixed(restore_commands(taken, summary.database))]


_AT_ONCE = (
    "To go back to the data before the rollback at once, whatever its size: stop the services, then run this with the "
    "same PG… environment. It renames two databases in one transaction and drops nothing; what was written since the "
    "rollback stays in the one that is put aside."
)
_HOW = (
    "To go back by the dump: stop the services, then run this as a role that may create databases, "
    "with the same PG… environment, from the first line to the last. It refuses a dump of another database, and puts "
    "the name back where the restore fails. What was written since the rollback stays in the renamed database only."
)


def go_back_command(way_back: str, database: str) -> str:
    """Return the command that goes back by a snapshot's file, which does nothing for any other database."""
    named = shlex.quote(f"database={database}")
    return f"psql -X -d postgres -v ON_ERROR_STOP=1 -v {named} -f {shlex.quote(way_back)}"


def restore_commands(backup: Backup, database: str) -> list[str]:
    """Return the lines for a shell that restore a dump under the database's own name: sql/restore.sh, and of what.

    pg_restore makes the database under the name it was dumped by, which is another when the dump was taken of its copy.
    """
    words = {"PGDATABASE": database, "backup": backup.path, "sha256": backup.sha256}
    given = [f"{key}={shlex.quote(value)}" for key, value in words.items()]
    return [*given, "export PGDATABASE", *restoring()]


def restoring() -> list[str]:
    """Return what sql/restore.sh does, without what it says of itself."""
    lines = sql.read("restore.sh").splitlines()
    return [line for line in lines if not line.startswith("#")]
