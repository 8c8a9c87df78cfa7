"""What refuses an operator, and how a test sees that it did so clearly."""

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import count

from tests.acceptance.operator import Done
from tests.databases import Database

DONE, FAILED, BLOCKED, REFUSED = 0, 1, 3, 4
_numbers = count(1)


def text(result: Done) -> str:
    return " ".join((result.stdout + result.stderr).split())


def refused(result: Done, *words: str, status: int = FAILED) -> None:
    """See that a command ended with this status, with these words, and without a stack of calls."""
    assert result.returncode == status, text(result)
    assert "Traceback" not in text(result)
    for word in words:
        assert word in text(result)


def do(database: Database, statement: str) -> None:
    """Run one statement as the superuser."""
    with closing(database.connect()) as admin:
        admin.execute(statement.encode())


@contextmanager
def role(database: Database, options: str = "") -> Iterator[str]:
    """Make a role that may log in and nothing else."""
    name = f"operator_{os.getpid()}_{next(_numbers)}"
    do(database, f"CREATE ROLE {name} LOGIN {options}")
    try:
        yield name
    finally:
        # What it owned goes back, since the server is shared by all tests.
        for statement in ("REASSIGN OWNED BY {} TO postgres", "DROP OWNED BY {}", "DROP ROLE {}"):
            do(database, statement.format(name))
