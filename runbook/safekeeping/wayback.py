"""The way back to the data before the rollback, as the report names it."""

import shlex
from pathlib import Path

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
        Fixed([f"psql -X -d postgres -v ON_ERROR_STOP=1 -f {shlex.quote(copy.way_back)}"]),
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
    "with the same PG… environment. What was written since the rollback stays in the renamed database only."
)


def restore_commands(backup: Backup, database: str) -> list[str]:
    """Return the commands that restore a dump under the database's own name.

    pg_restore makes the database under the name it was dumped by, which is another when the dump was taken of its copy.
    """
    path, sums = Path(backup.path), f"{backup.path}.sha256"
    made = backup.database or database
    return [
        f"echo {shlex.quote(f'{backup.sha256}  {sums}')} | sha256sum --check",
        f"(cd {shlex.quote(str(path.parent))} && sha256sum --check --quiet {shlex.quote(Path(sums).name)})",
        _rename(database, f"{database}_rolled_back"),
        f"pg_restore --create --exit-on-error --jobs=4 --dbname=postgres {shlex.quote(backup.path)}",
        *([_rename(made, database)] if made != database else []),
    ]


def _rename(name: str, to: str) -> str:
    """Return the command that renames a database."""
    old, new = (f'"{one.replace(chr(34), chr(34) * 2)}"' for one in (name, to))
    return f"psql -X -d postgres -v ON_ERROR_STOP=1 -c {shlex.quote(f'ALTER DATABASE {old} RENAME TO {new}')}"
