"""What a plan expects: whether a rollback is justified, how long it takes, and what the other ways cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Word = Literal["justified", "not justified", "doubtful"]


@dataclass(frozen=True)
class Verdict:
    """Whether the procedure's criteria justify a rollback, with the reason in one line."""

    word: Word
    reason: str


@dataclass(frozen=True)
class StepForecast:
    """How long a step is thought to take, in s; ``runs`` is how many runs that was measured in, 0: a guess."""

    name: str
    seconds: float
    runs: int


@dataclass(frozen=True)
class Forecast:
    """How long the rollback is thought to take, without the time a person takes to decide."""

    steps: Sequence[StepForecast]
    seconds: float
    outage_seconds: float
    basis: str
    """What the figures rest on, in words."""


@dataclass(frozen=True)
class Alternative:
    """A way out of the incident, and what it costs."""

    name: str
    minutes: float | None
    """None: nobody said."""
    rows_lost: int | None
    """None: unknown."""
    remark: str


@dataclass(frozen=True)
class Rehearsal:
    """The newest rehearsal of a plan's very scripts that was done, as far as the history knows."""

    days: float
    """Within how many days one is asked for."""
    label: str = ""
    """Empty: there is none."""
    ended: datetime | None = None
    outage_seconds: float | None = None
    lacking: str = ""
    """Why there is no fresh one, in a sentence; empty: there is."""
    remark: str = ""
    """What it did not test."""


@dataclass(frozen=True)
class Trial:
    """What came of trying the transaction on a copy of this database's schema."""

    seconds: float
    schema: str
    """SHA-256 over the schema that was tried."""
    failures: Sequence[str] = ()
    """What failed, each with its remedy."""
    left_out: Sequence[str] = ()
    """What the copy lacked, by kind and name."""
    warnings: Sequence[str] = ()
    not_tried: str = ""
    """Why it was not tried; empty: it was."""
    known: int = 0
    """How much else failed that the catalogue alone had shown."""


Method = Literal["snapshot", "dump"]


@dataclass(frozen=True)
class Way:
    """One way to take the backup, as it would be here and now."""

    method: Method
    seconds: float
    """How long it would take inside the outage, in s."""
    runs: int
    """In how many runs that was measured, 0: a guess."""
    remark: str
    """What it does."""
    obstacle: str = ""
    """Why it cannot be taken here, with the remedy; empty: it can."""


@dataclass(frozen=True)
class Means:
    """How the backup is taken: which way was chosen, and why."""

    method: Method
    why: str
    clone: bool
    """Whether the server copies by sharing blocks (copy-on-write)."""
    ways: Sequence[Way]

    @property
    def way(self) -> Way:
        """The way that was chosen."""
        return next(way for way in self.ways if way.method == self.method)
