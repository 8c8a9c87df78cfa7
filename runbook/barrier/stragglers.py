"""Stragglers: who is still connected when the fence closes, how they are asked to go, and what became of them."""

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from runbook import database
from runbook.errors import RollbackError
from runbook.models import Session

log = logging.getLogger(__name__)

SECONDS = 10
"""How long ended sessions may take to go."""
POLL_SECONDS = 0.05

FORGOTTEN = ("realtime-service", "email-service", "web-scraping-service", "web-scraping-worker", "ai-core-service")
"""Services of the application that the procedure does not stop, and that keep connections and keep writing."""

CLIENT = "client backend"
RESTING = ("idle", "idle in transaction (aborted)")
"""States in which a client has nothing that could be lost."""

HIDDEN = "hidden"
"""Where a session comes from that this role may not look at; what it does is not told either."""

Fate = Literal["idle", "finished", "interrupted", "hidden", "autovacuum", "left"]
WORDS: Mapping[Fate, str] = {
    "idle": "was idle, ended",
    "finished": "finished its work, then ended",
    "interrupted": "ended in the middle of its work, which is rolled back",
    "hidden": "ended; this role is not told whether it was at work",
    "autovacuum": "ended; PostgreSQL begins that work again by itself",
    "left": "not ended, this role may not; PostgreSQL ends it where the rollback needs its table",
}


@dataclass(frozen=True)
class Straggler(Session):
    """A session that had to go, and what became of its work."""

    fate: Fate = "idle"

    def __str__(self) -> str:
        return f"{self.application} (pid {self.pid}, {self.address}): {WORDS[self.fate]}"


def sessions(conn: psycopg.Connection, own: Sequence[int]) -> list[Session]:
    """Return everybody else's sessions on this database."""
    return [Session(**row) for row in database.query(conn, "sessions", own=list(own))]


def forgotten(session: Session) -> bool:
    """Tell whether a session is surely one of the services that the procedure forgets."""
    return session.application.lower().replace("_", "-") in FORGOTTEN


def busy(session: Session) -> bool:
    """Tell whether a session may be in the middle of something; workers are not, since they take it up again."""
    return session.kind == CLIENT and session.state not in RESTING


def end(
    conn: psycopg.Connection, own: Sequence[int], spared: Sequence[str] = (), grace: float = 0.0
) -> list[Straggler]:
    """End everybody else's sessions and return what became of each.

    Who is in the middle of a transaction has ``grace`` s to finish it, but not to begin another one. Raises
    RollbackError when one does not go within SECONDS after that.
    """
    until = time.monotonic() + grace
    # First who is coming, then who is there: who is neither is not in. Who comes later finds the fence closed.
    coming = _arriving(conn, own)
    left, gone = _others(conn, own, spared), dict[int, Straggler]()
    working = {session.pid: session for session in left if busy(session)} if grace else {}
    while left or coming:
        over = time.monotonic() - until
        if over > SECONDS:
            raise _stuck(left, coming)
        going = [s for s in left if over >= 0 or _ready(s, working.get(s.pid))]
        for session in going:
            if session.pid not in gone:
                gone[session.pid] = _judged(session, working.get(session.pid))
                log.warning("Fence: %s", gone[session.pid])
        database.query(conn, "terminate", pids=[session.pid for session in going])
        time.sleep(POLL_SECONDS)
        coming &= _arriving(conn, own)
        left = _others(conn, own, spared)
    return [*gone.values(), *_left(working, gone)]


def _others(conn: psycopg.Connection, own: Sequence[int], spared: Sequence[str]) -> list[Session]:
    return [session for session in sessions(conn, own) if session.application not in spared]


def _arriving(conn: psycopg.Connection, own: Sequence[int]) -> set[int]:
    """Return the backend pids of those who may have passed the fence before it closed and are about to appear."""
    return {int(row["pid"]) for row in database.query(conn, "arriving", own=list(own))}


def _ready(now: Session, then: Session | None) -> bool:
    """Tell whether a session may be ended without loss: it had no work to finish, or it has finished it."""
    return then is None or not busy(now) or now.transaction_began != then.transaction_began


def _judged(now: Session, then: Session | None) -> Straggler:
    """Say what becomes of a session that is ended now."""
    if then is not None and _ready(now, then):
        return Straggler(**vars(then), fate="finished")
    if now.address == HIDDEN:
        return Straggler(**vars(now), fate="hidden")
    return Straggler(**vars(now), fate="interrupted" if busy(now) else "idle")


def _left(working: Mapping[int, Session], gone: Mapping[int, Straggler]) -> list[Straggler]:
    """Return those who finished their work and hung up themselves."""
    return [Straggler(**vars(session), fate="finished") for pid, session in working.items() if pid not in gone]


def _stuck(left: Sequence[Session], coming: Iterable[int]) -> RollbackError:
    names = [f"{s.application} (pid {s.pid}, {s.address}, {s.kind})" for s in left]
    names += [f"one that is just connecting (pid {pid})" for pid in sorted(coming)]
    return RollbackError(f"These sessions do not end: {', '.join(names)}.", "Stop their programs, then run again.")
