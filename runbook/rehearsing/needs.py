"""What production's database needs of a server: whether staging's has it, before anything is cloned."""

from collections.abc import Iterable

import psycopg

from runbook import database
from runbook.errors import CloneFailed
from runbook.rehearsing.ways import Way


def check(source: psycopg.Connection, gate: psycopg.Connection, way: Way) -> None:
    """Raise CloneFailed, naming all extensions and roles that production needs and staging's server lacks."""
    if way.kind == "template":
        return
    rows = database.query(source, "rehearsal_needs")
    # A dump that is a stream cannot leave out single entries.
    named = [row for row in rows if row["kind"] != "user mapping" or way.kind == "stream"]
    lacking = _lacking(gate, [row["name"] for row in named if row["kind"] == "extension"])
    roles = {row["name"] for row in database.query(gate, "rehearsal_roles")}
    wanted = {row["name"]: row for row in named if row["kind"] != "extension" and row["name"] not in roles}
    lacking += [f"the role {name}, which a {row['kind']} names ({row['where']})" for name, row in wanted.items()]
    _refuse(lacking)


def check_dump(gate: psycopg.Connection, extensions: Iterable[str]) -> None:
    """Raise CloneFailed, naming all extensions of a dump that staging's server lacks."""
    _refuse(_lacking(gate, extensions))


def _lacking(gate: psycopg.Connection, extensions: Iterable[str]) -> list[str]:
    there = {row["name"] for row in database.query(gate, "rehearsal_extensions")}
    return [f"the extension {name}" for name in extensions if name not in there]


def _refuse(lacking: list[str]) -> None:
    if lacking:
        raise CloneFailed(
            f"Staging's server lacks what production's database needs: {'; '.join(lacking)}.",
            "Install the extensions there; CREATE ROLE … NOLOGIN for each role. Then rehearse again.",
            "Nothing was touched.",
        )
