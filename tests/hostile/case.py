"""One thing that a team adds to its database, and what is right when the transformation is rolled back there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.databases import ALL

Expect = Literal["goes ahead", "blocked"]


@dataclass(frozen=True)
class Case:
    """An object or a setting. ``{database}`` in its SQL is the name of the database that it is added to."""

    name: str
    sql: str
    expect: Expect = "goes ahead"
    says: str = ""
    """A regular expression that the plan must match: its blockers where it is blocked, any part of it otherwise."""
    request: Mapping[str, str] = field(default_factory=dict)
    """What is asked beyond temporary passwords, such as {"oauth": "delete"}."""
    after: Sequence[str] = ()
    """Queries that return true once the run is done."""
    loses: str = ""
    """A regular expression of facts that are gone afterwards, by what the plan says: what stood on dropped columns."""
    drift: str = ""
    """A regular expression of the baseline's facts that the team itself had changed."""
    undo: str = ""
    """What is run before its database is dropped, where the case reaches beyond that."""
    undo_after: str = ""
    """What is run on the maintenance database once its own is gone."""
    env: Mapping[str, str] = field(default_factory=dict)
    """What stands in the environment of who plans and runs."""
    dbname: str = ""
    """What the database is called, where that matters."""
    encoding: str = ""
    """The database's encoding, where it is another than the server's."""
    role: str = ""
    """The role that plans and runs, where it is no superuser."""
    versions: Sequence[str] = ("18",)
    forward: Sequence[str] = ALL
    """The migrations that are in force."""
    beside: bool = False
    """Blocked by what the transaction itself would not meet (the fence, the copy, the connection)."""
    alone: bool = False
    """Not to be combined with others."""

    @property
    def short(self) -> str:
        """Return its SQL on one line."""
        return " ".join(self.sql.split())
