"""The marks of a rehearsal: the comment on each database that it made or put aside. Nothing without one is dropped."""

import getpass
import json
import os
import socket
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import psycopg
from psycopg import sql as compose

from runbook import database

State = Literal["raw", "masked", "standing", "resting"]
"""A clone that is being made, one that is masked, one that has staging's name, and the staging that was put aside."""
WORD = "rollback rehearsal"
UNBORN = 1861
"""CONNECTION LIMIT of a clone to which nobody can connect yet: a mark where CREATE DATABASE can give no comment."""


@dataclass(frozen=True)
class Mark:
    """Who made a database, when, of what, and how far it is."""

    state: State
    staging: str
    """The name of the staging database that it is for."""
    run: str
    source: Mapping[str, Any]
    """What production is: system_identifier and oid (0: not known), database."""
    files: tuple[str, ...] = ()
    """Dumps that belong to it."""
    comment: str | None = None
    """What the database's comment was before."""
    by: str = field(default_factory=lambda: f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}")
    made: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))


@dataclass(frozen=True)
class Found:
    """A database that is there."""

    name: str
    oid: int
    comment: str | None
    mark: Mark | None
    unborn: bool
    """Whether a rehearsal was killed between making it and marking it."""

    @property
    def ours(self) -> bool:
        """Whether a rehearsal made it or put it aside."""
        return self.mark is not None or self.unborn

    def stands(self, *states: State) -> bool:
        """Return whether it bears a mark of one of these states."""
        return self.mark is not None and self.mark.state in states


def find(gate: psycopg.Connection, name: str) -> Found | None:
    """Return the database of this name with its mark."""
    rows = database.query(gate, "rehearsal_databases", name=name)
    return _found(rows[0]) if rows else None


def marked(gate: psycopg.Connection, staging: str) -> list[Found]:
    """List all databases that bear a mark for this staging database."""
    found = [_found(row) for row in database.query(gate, "rehearsal_databases", name=None)]
    return [one for one in found if one.mark and one.mark.staging == staging]


def put(gate: psycopg.Connection, name: str, mark: Mark) -> None:
    """Write a mark on a database. Raises StatementFailed."""
    write(gate, name, json.dumps({WORD: asdict(mark)}))


def write(gate: psycopg.Connection, name: str, comment: str | None) -> None:
    """Give a database its comment. Raises StatementFailed."""
    with database.translated():
        gate.execute(
            compose.SQL("COMMENT ON DATABASE {} IS {}").format(compose.Identifier(name), compose.Literal(comment))
        )


def _found(row: database.Row) -> Found:
    unborn = row["connection_limit"] == UNBORN and not row["takes_connections"]
    return Found(row["name"], row["oid"], row["comment"], _read(row["comment"]), unborn)


def _read(comment: str | None) -> Mark | None:
    """Read a mark; None for any other comment."""
    try:
        words = json.loads(comment or "")[WORD]
        return Mark(**{**words, "files": tuple(words["files"])})
    except (ValueError, TypeError, KeyError):
        return None
