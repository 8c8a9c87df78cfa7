"""Names of files that say of which database and incident they are, whatever the database is called."""

import hashlib
from urllib.parse import quote

from runbook.errors import BackupFailed

LONGEST = 100
"""How many bytes of a file's name are the database's; a file's name has 255 in all."""


def check(database: str) -> None:
    """Raise BackupFailed for a database whose name no file of commands can hold."""
    if unwritable(database):
        raise BackupFailed(
            f"The database's name {database!r} holds a control character, which would break a command that names it.",
            "Rename the database (ALTER DATABASE … RENAME TO …).",
        )


def unwritable(database: str) -> bool:
    """Return whether a name holds what would end or hide a line: control characters and their like."""
    return not database.isprintable()


def part(database: str) -> str:
    """Return a database's name as part of a file's: other than letters, digits, _.-~ is %XX, and a long one is cut."""
    encoded = quote(database, safe="")
    if len(encoded) <= LONGEST:
        return encoded
    return f"{encoded[: LONGEST - 9]}~{hashlib.sha256(database.encode()).hexdigest()[:8]}"
