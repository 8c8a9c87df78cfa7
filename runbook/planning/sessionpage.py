"""The plan's section on who is connected now: application, address, and what becomes of each."""

from collections import Counter, defaultdict
from collections.abc import Sequence

from runbook.barrier import stragglers
from runbook.models import Plan, Session
from runbook.page import Block, Table

KEEPS_WRITING = "KEEPS WRITING until shut out; afterwards it meets the old schema"
FORGOTTEN = f"not stopped by the procedure: {KEEPS_WRITING}"
STOPS = "stops with its service"
SHOWN = 4
"""How many addresses a line names."""


def sessions(plan: Plan) -> list[Block]:
    """Group the sessions by application, those that would keep writing first."""
    if not plan.sessions:
        return ["Nobody but the runbook."]
    groups = defaultdict[tuple[bool, str, str, str], list[Session]](list)
    for one in plan.sessions:
        groups[stops(one, plan.services), one.application or "(no name)", one.user, fate(one, plan.services)].append(
            one
        )
    rows = [
        (application, user, addresses(group), count(group), words)
        for (_, application, user, words), group in sorted(groups.items(), key=lambda item: item[0])
    ]
    header = ("application", "user", "from", "sessions", "when the services stop")
    return [Table(header, rows, right=(3,)), *_advice(plan)]


def stops(session: Session, services: Sequence[str]) -> bool:
    """Tell whether a session is surely one of the services that are stopped: it bears the service's very name."""
    return session.application.lower() in {name.lower() for name in services}


def fate(session: Session, services: Sequence[str]) -> str:
    """Say what becomes of a session."""
    if session.kind == "walsender":
        return "reads a replication slot: cut off while the fence is closed"
    if session.kind != stragglers.CLIENT:
        return f"{session.kind}: ended, and kept out while the fence is closed"
    if stops(session, services):
        return STOPS
    return FORGOTTEN if stragglers.forgotten(session) else KEEPS_WRITING


def addresses(group: Sequence[Session]) -> str:
    """Name where sessions come from."""
    found = Counter(session.address for session in group).most_common()
    more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
    return ", ".join(address for address, _ in found[:SHOWN]) + more


def count(group: Sequence[Session]) -> str:
    """Count sessions, and those in the middle of something."""
    busy = sum(map(stragglers.busy, group))
    return f"{len(group)} ({busy} at work)" if busy else f"{len(group)}"


def _advice(plan: Plan) -> list[Block]:
    """Say how the services that the procedure forgets can be stopped before."""
    names = {s.application for s in plan.sessions if stragglers.forgotten(s) and not stops(s, plan.services)}
    if not names:
        return []
    return [
        f"The procedure does not stop {', '.join(sorted(names))}; the fence ends their sessions. Stop them by hand "
        "before, or name them in ROLLBACK_SERVICES: then they are stopped and started with the others."
    ]
