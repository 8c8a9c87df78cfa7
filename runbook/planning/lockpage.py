"""Locks as a part of the plan's and the report's page."""

from collections.abc import Mapping, Sequence
from itertools import takewhile

from runbook.models import Plan
from runbook.page import Block, Bullets, Code, Table
from runbook.planning import locks
from runbook.planning.locks import Lock
from runbook.schema import held
from runbook.schema.held import Held
from runbook.telling.summary import Summary

SHOWN = 60
"""How many characters of a statement stand in the plan; sql/locks.csv has more of it."""
NAMES = 3
"""How many names stand in a cell of the plan, whose tables do not fold."""

FENCED = (
    "Each is held until the commit. Behind the closed fence nobody is left who could wait. A statement that does not "
    "get its lock within ROLLBACK_LOCK_TIMEOUT_MS gives way, so that no query queues behind its request for longer."
)
UNDER = "Every other statement of these scripts. It works under the locks above, or locks an index or a type besides:"
MEASURED = (
    "Measured in this run, from the beginning of the step that took the lock to the end of the commit. Behind the "
    "closed fence there is nobody who could wait; who was seen to wait when a step ended is named."
)


def planned(plan: Plan) -> list[Block]:
    """List the statements that lock a table or a view; what locks nothing, a type or an index is counted."""
    steps, found = locks.files_of(plan), [lock for lock in locks.of(plan) if lock.line]
    rows = [
        (f"{steps[lock.file]}:{lock.line}", _cut(lock.statement), lock.mode, _names(lock.tables), lock.meanwhile)
        for lock in found
        if lock.tables
    ]
    if not rows or not plan.needed:
        return []
    rest = [lock for lock in found if not lock.tables]
    return [
        FENCED,
        Table(("step:line", "statement", "lock", "on", "others can"), rows),
        UNDER,
        Bullets(_by_step(steps, rest)),
    ]


def _by_step(steps: Mapping[str, str], found: Sequence[Lock]) -> list[str]:
    """List statements in few words, a line for each script: where it stands, its command, and what else it locks."""
    lines: dict[str, list[str]] = {}
    for lock in found:
        also = f" ({lock.mode} on {_names(lock.on)})" if lock.on else ""
        lines.setdefault(lock.file, []).append(f"{lock.line} {_command(lock.statement)}{also}")
    return [f"{steps[file]}: {', '.join(said)}" for file, said in lines.items()]


def _command(statement: str) -> str:
    """Return the command of a statement, also of one that is put together first, such as ALTER TABLE."""
    words = statement.removeprefix("EXECUTE format('").split()[:2]
    return " ".join(takewhile(str.isupper, words))


def report(summary: Summary) -> list[Block]:
    """Lay out the locks of a run that committed: how long each was held, and every statement with its lock."""
    if not summary.changed:
        return []
    return [*measured(held.of(summary.steps)), *(_statements(locks.of(summary.plan)) if summary.plan else [])]


def measured(found: Sequence[Held]) -> list[Block]:
    """Lay the locks that were held out, the longest first; tables that were locked together share a line."""
    together: dict[tuple[float, str, str], list[str]] = {}
    for one in found:
        together.setdefault((one.seconds, one.mode, ", ".join(one.waiting) or "nobody"), []).append(one.table)
    rows = [(", ".join(tables), mode, held.span(took), who) for (took, mode, who), tables in together.items()]
    return [MEASURED, Table(("table", "lock", "held", "waited meanwhile"), rows, right=(2,))] if rows else []


def _statements(found: Sequence[Lock]) -> list[Block]:
    """List every statement."""
    rows = [(_place(lock), lock.statement, lock.mode, ", ".join(lock.on), lock.meanwhile) for lock in found]
    words = "Every statement of the scripts, and the most that it locks in any state of the database:"
    return [words, Table(("script", "statement", "lock", "on", "others can"), rows)] if rows else []


def _place(lock: Lock) -> Code:
    name = lock.file.rpartition("/")[2] if not lock.file.startswith("verify/") else lock.file
    return Code(f"{name}:{lock.line}" if lock.line else name)


def _cut(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 3]}..."


def _names(names: Sequence[str]) -> str:
    """Write names so that they fit into a cell."""
    more = f" and {len(names) - NAMES} more" if len(names) > NAMES else ""
    return ", ".join(names[:NAMES]) + more
