"""Proposals: what was asked for before, kept by the worker, so that the time to decide is the incident's.

A new run, another incident's id or a later identification does not begin the decision window again: it counts from the
first identification of the incident, or of a proposal with a trigger in common that came within the last window.
"""

import json
import logging
import sqlite3
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from runbook import figures, store
from runbook.errors import Refused, RollbackError
from runbook.models import Identity
from runbook.request import RollbackRequest
from runbook.runs import Run
from runbook.settings import Settings

log = logging.getLogger(__name__)

SHOWN = 5
"""How many earlier proposals are shown; the others are counted."""
DAY = timedelta(days=1)
OPEN = "no end known"
DONE = "done"
LETTERS = 60
"""How many characters of a name are shown."""
UNNAMED = "Nobody is named as who asks for this rollback, and the target is production: two persons must approve."


def record(run: Run) -> None:
    """Write down that a run proposes a rollback, and let its time to decide count from the first identification.

    Where nobody is named as who asks, in production, two approvals are needed from now on. Raises Refused where the
    settings want a name, SettingsInvalid where the store cannot be used.
    """
    asked, now = run.request.identified_at, datetime.now(UTC)
    _check_named(run)
    with store.transaction(run.settings) as conn:
        first = min([asked, *_identified(conn, run, now)])
        run.request = run.request.model_copy(update={"identified_at": first})
        _insert(conn, run, now)
    run.proposals = list(earlier(run.settings, run.identity, run.id, now))
    if first < asked:
        run.proposals.insert(
            0,
            f"The time to decide counts from {figures.moment(first)}, when this was first identified; this request "
            f"says {figures.moment(asked)}.",
        )


def _check_named(run: Run) -> None:
    if run.request.requested_by.strip() or not run.settings.production:
        return
    if run.settings.unnamed_request == "refuse":
        raise Refused(
            "The request does not say who asks for the rollback.",
            "Give requested_by: the name of who asks.",
            "Nothing was changed; services run as before.",
        )
    run.settings = run.settings.model_copy(update={"approvals_needed": 2})
    run.doubts.append(UNNAMED)


def _identified(conn: sqlite3.Connection, run: Run, now: datetime) -> Sequence[datetime]:
    """Return when this was identified, by earlier proposals that did not end with a rollback."""
    rows = conn.execute(
        "SELECT incident, triggers, identified, proposed FROM proposal WHERE database = ? AND target = ? "
        "AND outcome <> 'done' AND run <> ?",
        [_key(run.identity), run.settings.target, str(run.id)],
    )
    since, wanted = (now - timedelta(minutes=run.settings.decision_minutes)).timestamp(), _triggers(run.request)
    return [
        _moment(row["identified"])
        for row in rows
        if row["incident"] == run.request.incident
        or (row["proposed"] >= since and wanted & set(json.loads(row["triggers"])))
    ]


def _insert(conn: sqlite3.Connection, run: Run, now: datetime) -> None:
    request = run.request
    conn.execute(
        "INSERT OR REPLACE INTO proposal "
        "(run, target, database, incident, triggers, identified, proposed, requested_by) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            str(run.id),
            run.settings.target,
            _key(run.identity),
            request.incident,
            json.dumps(sorted(_triggers(request))),
            request.identified_at.timestamp(),
            now.timestamp(),
            request.requested_by,
        ],
    )


def end(run: Run, outcome: str) -> None:
    """Write down how a proposal ended. That it cannot be written is logged: no run fails for it."""
    if not store.place(run.settings).exists():
        return
    try:
        with store.transaction(run.settings) as conn:
            conn.execute("UPDATE proposal SET outcome = ? WHERE run = ?", [outcome, str(run.id)])
    except RollbackError as error:
        log.warning("How the proposal ended is not in the worker's store: %s", error.problem)


def came_to_end(run: Run, earlier_run: object) -> bool:
    """Return whether the worker's store says that a run was done. Raises SettingsInvalid where it cannot be used."""
    if not store.place(run.settings).exists():
        return False
    with store.transaction(run.settings) as conn:
        found = conn.execute("SELECT outcome FROM proposal WHERE run = ?", [str(earlier_run)]).fetchone()
    return found is not None and found["outcome"] == DONE


def earlier(settings: Settings, identity: Identity, besides: object = "", now: datetime | None = None) -> Sequence[str]:
    """Return the proposals for a database within the last day, the newest first, a line each; then how many more."""
    if not store.place(settings).exists():
        return []
    since = ((now or datetime.now(UTC)) - DAY).timestamp()
    with store.transaction(settings) as conn:
        rows = conn.execute(
            "SELECT * FROM proposal WHERE database = ? AND proposed >= ? AND run <> ? ORDER BY proposed DESC",
            [_key(identity), since, str(besides)],
        ).fetchall()
    more = [f"and {len(rows) - SHOWN} more"] if len(rows) > SHOWN else []
    return [*map(_line, rows[:SHOWN]), *more]


def _line(row: sqlite3.Row) -> str:
    ended = OPEN if row["outcome"] == "waiting" else row["outcome"]
    return (
        f"{figures.moment(_moment(row['proposed']))}: {row['incident']}, proposed by {_name(row['requested_by'])}, "
        f"identified {figures.moment(_moment(row['identified']))}: {ended}"
    )


def _name(given: str) -> str:
    """Return a name as one short line that can be shown."""
    shown = "".join(one if one.isprintable() else " " for one in given)
    return " ".join(shown.split())[:LETTERS] or "nobody named"


def _triggers(request: RollbackRequest) -> set[str]:
    slow = {"performance degradation"} if request.degradation_percent is not None else set[str]()
    return {*request.triggers, *slow}


def _key(identity: Identity) -> str:
    return f"{identity.system_identifier}/{identity.database}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
