"""The way back to the data before the rollback, as the report names it."""

import shlex
from pathlib import Path

from runbook import figures
from runbook.models import Backup
from runbook.page import Block, Code, Fixed, Table
from runbook.summary import Summary


def section(summary: Summary) -> list[Block]:
    """Name the backup, and how to bring it back exactly; the rolled back database is kept beside it."""
    taken = summary.backup
    if taken is None:
        return []
    facts = [
        ("Folder", Code(taken.path)),
        ("Size", f"{figures.size(taken.bytes)} ({taken.bytes:,} bytes), {taken.entries:,} entries"),
        ("Taken by", f"{figures.count(taken.jobs, 'job')}, compressed by {taken.compression}"),
        ("SHA-256 of its list of checksums", Code(taken.sha256)),
    ]
    table = Table(("", ""), facts)
    if not summary.changed:
        return [table, "The rollback was not committed: the backup is not needed to go back."]
    return [table, _HOW, Fixed(restore_commands(taken, summary.database))]


_HOW = (
    "To go back to the data before the rollback: stop the services, then run this as a role that may create databases, "
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
    return f"psql -d postgres -v ON_ERROR_STOP=1 -c {shlex.quote(f'ALTER DATABASE {old} RENAME TO {new}')}"
