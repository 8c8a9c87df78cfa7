"""The recheck: whether the plan that was approved is still the one that would be done.

Until the services stop, people go on using the application, so counts move by themselves. The rule:

- Database, scripts and their hashes, the rest of sql/, the program and its settings, options, migrations found,
  release, services and verdict are what was approved, to the letter; so is what of the team's fires on the transaction.
  Nothing that stands in the way was added.
- With 'delete', the users who would be deleted may stay as many or become fewer, never more.
- Every other count may move by ROLLBACK_PLAN_TOLERANCE_PERCENT of the approved count, or by
  ROLLBACK_PLAN_TOLERANCE_ROWS if that is more; what would be deleted may become fewer by any number.
- A kind of loss that the approver never saw (another table in the deletion, another column that loses values or gets
  a placeholder) is no movement: it voids the approval.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import psycopg

from runbook import printable
from runbook.errors import PlanChanged
from runbook.models import Plan, Script
from runbook.planning import choices, plan, triggers
from runbook.request import RollbackRequest
from runbook.settings import Settings

COUNTS = ("users", "removed", "placeholders", "cascade", "unlinked", "kept")
"""Fields of the plan that count rows."""
_VOID = "The plan changed since it was approved, so the approval is void:"
SEEN = ("removed", "placeholders", "cascade", "unlinked")
"""Those in which a new name is a loss that nobody saw."""


@dataclass(frozen=True)
class Move:
    """A count that moved: of which field of the plan, and by which name there."""

    field: str
    name: str
    then: int
    now: int

    def __str__(self) -> str:
        return f"{self.name}: approved {self.then:,}, now {self.now:,}"


def recheck(
    conn: psycopg.Connection, approved: Plan, request: RollbackRequest, settings: Settings, own: Sequence[int]
) -> list[str]:
    """Draw the plan again; return which counts moved within the rule, a line each.

    Raises PlanChanged listing what voids the approval.
    """
    now = plan.draw(conn, request, settings, own, approved.trial)
    voids = [*changed(approved, now), *grown(approved, now, settings)]
    if voids:
        raise PlanChanged(
            "\n".join([_VOID, *(f"  - {printable.line(one)}" for one in voids)]),
            "Look at what changed, then ask again: a new plan needs a new approval.",
            "Nothing was touched; the services run as before.",
            changes=voids,
        )
    return [str(move) for move in _moves(approved, now)]


def changed(approved: Plan, now: Plan) -> list[str]:
    """Return what must be the same to the letter and is not, a line each."""
    lines = [
        f"{name}: approved {then}, now {_letters(now).get(name, 'none')}"
        for name, then in _letters(approved).items()
        if then != _letters(now).get(name)
    ]
    lines += _scripts(approved.scripts, now.scripts)
    lines += _backup(approved, now)
    return lines + [f"stands in the way now: {one}" for one in now.blockers if one not in approved.blockers]


def _backup(approved: Plan, now: Plan) -> list[str]:
    """Say why the backup cannot be taken any more in the way that was approved; a quicker way voids nothing."""
    if approved.backup.way.obstacle:  # it was asked for all the same
        return []
    way = next(way for way in now.backup.ways if way.method == approved.backup.method)
    return [f"backup: approved {way.method}, and now {way.obstacle}"] if way.obstacle else []


def _letters(one: Plan) -> dict[str, str]:
    release = f"{one.release.tag} at {one.release.commit}, {one.release.compose.words}" if one.release else "none"
    return {
        "database": str(asdict(one.identity)),
        "verdict": f"{one.verdict.word}. {one.verdict.reason}",
        "migrations": ", ".join(f"{name} {state}" for name, state in sorted(one.migrations.items())),
        "choice for OAuth users": one.oauth,
        "choice for gemini": one.gemini,
        "release": release,
        "services": ", ".join(one.services) or "none",
        "trial on a copy of the schema": "not done" if one.trial and one.trial.not_tried else "done",
        "triggers, rules and event triggers": " ".join(triggers.lines(one.fires)) or "none",
        "foreign keys that let orphans exist": "; ".join(one.unguarded) or "none",
        **{f"digest of {name}": digest for name, digest in one.made_of.items()},
    }


def _scripts(approved: Sequence[Script], now: Sequence[Script]) -> list[str]:
    """Compare name, content, action and order of the scripts."""
    then, found = ([f"{s.name} ({s.action}, SHA-256 {s.sha256})" for s in scripts] for scripts in (approved, now))
    if sorted(then) == sorted(found):
        return [] if then == found else [f"order of the scripts: approved {'; '.join(then)}, now {'; '.join(found)}"]
    gone, new = [s for s in then if s not in found], [s for s in found if s not in then]
    return [f"script: approved {'; '.join(gone) or 'none'}, now {'; '.join(new) or 'none'}"]


def grown(approved: Plan, now: Plan, settings: Settings) -> list[str]:
    """Return the counts that moved by more than the rule allows, a line each."""
    moves = _moves(approved, now)
    return [f"{move} ({why})" for move in moves if (why := _void(approved, move, settings))]


def _moves(approved: Plan, now: Plan) -> Iterator[Move]:
    """Yield each count that is not what was approved."""
    for field in COUNTS:
        then: Mapping[str, int] = getattr(approved, field)
        found: Mapping[str, int] = getattr(now, field)
        for name in {**then, **found}:
            if then.get(name, 0) != found.get(name, 0):
                yield Move(field, name, then.get(name, 0), found.get(name, 0))


def _void(approved: Plan, move: Move, settings: Settings) -> str:
    """Say why this movement voids the approval; empty: it does not."""
    deletes = approved.oauth == "delete" and (move.field in ("cascade", "unlinked") or move.name == choices.OAUTH)
    if deletes and move.now <= move.then:
        return ""
    if deletes and move.name == choices.OAUTH:
        return "more users would be deleted than were approved"
    if move.field in SEEN and move.name not in getattr(approved, move.field):
        return "not in the approved plan at all"
    allowed = settings.tolerated(move.then) - move.then
    return f"more than {allowed:,.0f} either way" if abs(move.now - move.then) > allowed else ""
