"""Triggers, rules and event triggers of the team's that fire on what the transaction writes, and what they write.

What a function writes cannot be known for sure from its text. So the plan names each one that will fire, with the
tables that its text, and that of the functions it calls, inserts into, updates or deletes from. Verification accepts
those writes, and rows inserted elsewhere by who was named; any other change takes everything back.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

from runbook import database
from runbook.models import Firing
from runbook.planning import relations
from runbook.planning.relations import Relations
from runbook.planning.writes import Event, Kind

STATEMENTS = frozenset(
    {"CREATE SCHEMA", "CREATE TABLE", "CREATE INDEX", "CREATE TYPE", "DROP INDEX", "DROP TABLE", "DROP TYPE"}
    | {"ALTER TABLE", "ALTER INDEX", "ALTER TYPE", "ALTER TRIGGER", "ALTER VIEW", "COMMENT", "GRANT", "REVOKE"}
)
"""The statements of the scripts, as event triggers call them."""
LOGIN = "login"
"""The event of a trigger that fires when somebody connects (PostgreSQL 17 and newer)."""

_DML = re.compile(
    r"\b(insert\s+into|update|delete\s+from|merge\s+into)\s+(?:only\s+)?((?:\"[^\"]+\"|\w+)(?:\.(?:\"[^\"]+\"|\w+))?)",
    re.IGNORECASE,
)
_SET = re.compile(r"\bnew\s*\.\s*\"?(\w+)\"?\s*:?=(?!=)", re.IGNORECASE)
_CALL = re.compile(r"(?:\"([^\"]+)\"|\b(\w+))\s*\(")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)


@dataclass(frozen=True)
class _Source:
    """What fires, as the catalogue has it."""

    kind: str
    relation: int | None
    name: str
    timing: str
    each_row: bool
    instead: bool
    events: Sequence[str]
    columns: Sequence[str]
    tags: Sequence[str] | None
    routine: int | None
    text: str
    language: str
    clock: bool
    """Whether it is the baseline's function that stamps updated_at."""
    definer: bool
    """Whether it runs with its owner's rights."""


@dataclass(frozen=True)
class Fired:
    """What will fire, and what may keep the transaction from doing its work."""

    firings: Sequence[Firing] = ()
    blockers: Sequence[str] = ()
    warnings: Sequence[str] = ()


def read(conn: psycopg.Connection, events: set[Event]) -> Fired:
    """Find what fires on these statements, on the scripts' DDL, and on what that writes in its turn."""
    sources = [_Source(**row) for row in database.query(conn, "firing")]
    refused = {Event(row["relation"], row["kind"]) for row in database.query(conn, "writable")}
    return _Finder(relations.read(conn), database.query(conn, "routines"), sources, refused).find(events)


class _Finder:
    """Follows statements to what fires on them, and that to what it writes."""

    def __init__(
        self, known: Relations, routines: Sequence[database.Row], sources: Sequence[_Source], refused: set[Event]
    ) -> None:
        self.known, self.refused = known, refused
        self.sources = [source for source in sources if source.timing != LOGIN]
        self.at_login = [source for source in sources if source.timing == LOGIN]
        self.routines = {str(row["name"]).lower(): row for row in routines}
        self.names = {int(row["oid"]): str(row["shown"]) for row in routines}

    def find(self, events: set[Event]) -> Fired:
        """Follow ``events`` until nothing new fires."""
        found = [source for source in self.sources if _on_statements(source)]
        waiting, seen = {*events, *(event for source in found for event in self._writes(source))}, set[Event]()
        while waiting:
            event = waiting.pop()
            seen.add(event)
            new = [source for source in self.sources if source not in found and _on(source, event)]
            found += new
            waiting |= {event for source in new for event in self._writes(source)} - seen
        firings = {(one.kind, one.name, one.table): one for one in map(self._firing, found)}
        first = [source for source in found if any(_on(source, event) for event in events)]
        in_order = [firings[key] for key in sorted(firings)]  # the plan's hash is made of them
        first.sort(key=lambda source: (source.kind, source.relation or 0, source.name))
        blockers = [*self._suppressing(first), *self._not_permitted(found)]
        return Fired(in_order, blockers, [*self._refusing(first), *self._at_login()])

    def _firing(self, source: _Source) -> Firing:
        writes: dict[str, list[str]] = {}
        for event in sorted(self._writes(source), key=lambda one: (one.relation, one.kind)):
            kinds = writes.setdefault(self.known[event.relation].name, [])
            kinds += [] if event.kind in kinds else [event.kind]
        readable = source.language in ("sql", "plpgsql") and not re.search(r"\bexecute\b", source.text, re.IGNORECASE)
        function = self.names.get(source.routine or 0, "")
        sets = sorted(set(_SET.findall(_COMMENT.sub(" ", source.text)))) if source.timing == "BEFORE" else []
        table, events = self._table(source), list(source.events)
        return Firing(source.kind, source.name, table, events, function, writes, readable, sets)

    def _table(self, source: _Source) -> str:
        table = self.known.get(source.relation or 0)
        return table.name if table else ""

    def _writes(self, source: _Source) -> set[Event]:
        found: set[Event] = set()
        for text in self._texts(_COMMENT.sub(" ", source.text)):
            upserts = re.search(r"\bdo\s+update\b", text, re.IGNORECASE) is not None
            for match in _DML.finditer(text):
                table = self._relation(match[2])
                found |= {Event(table, kind) for kind in _kinds(match[1], upserts)} if table else set()
        return found

    def _texts(self, text: str) -> Iterator[str]:
        """Yield a text, and those of the functions that it calls, and so on."""
        waiting, seen = [text], set[str]()
        while waiting:
            yield (now := waiting.pop())
            for name in {(match[1] or match[2]).lower() for match in _CALL.finditer(now)} & self.routines.keys() - seen:
                seen.add(name)
                waiting.append(_COMMENT.sub(" ", str(self.routines[name]["text"])))

    def _relation(self, written: str) -> int | None:
        """Return the table that a text means; without a schema, public's comes first."""
        parts = [part[1:-1] if part.startswith('"') else part.lower() for part in re.findall(r'"[^"]+"|\w+', written)]
        fits = [table for table in self.known.values() if table.relation == parts[-1]]
        fits = [table for table in fits if len(parts) == 1 or table.schema == parts[0]]
        return min(fits, key=lambda table: (table.schema != "public", table.oid)).oid if fits else None

    def _suppressing(self, sources: Sequence[_Source]) -> Iterator[str]:
        """Say which may keep PostgreSQL from writing a row at all, and it would not even say so."""
        for source in sources:
            table, events = self._table(source), " and ".join(source.events)
            if source.instead:
                yield (
                    f"Rule {source.name} on {table} does something else INSTEAD of {events}, which the rollback needs. "
                    f"ALTER TABLE {table} DISABLE RULE {source.name} for the rollback, or drop it; then ask again."
                )
            elif source.timing == "BEFORE" and source.each_row and re.search(r"\breturn\s+null\b", source.text, re.I):
                yield (
                    f"Trigger {source.name} on {table} may keep rows from being written ({events}): its function can "
                    "RETURN NULL, and what refers to such a row would be left behind. "
                    f"ALTER TABLE {table} DISABLE TRIGGER {source.name} for the rollback; then ask again."
                )

    def _refusing(self, sources: Sequence[_Source]) -> Iterator[str]:
        """Say which may raise an error; by which row cannot be known from its text."""
        for source in sources:
            if source.kind == "trigger" and any(
                re.search(r"\braise\s+(exception|'|using|\w+_)|\bassert\b", text, re.IGNORECASE)
                for text in self._texts(_COMMENT.sub(" ", source.text))
            ):
                yield (
                    f"Trigger {source.name} on {self._table(source)} can refuse a row ({' and '.join(source.events)}): "
                    "its function raises errors, and the catalogue does not say for which rows. Look at it, or disable "
                    "it for the rollback; what it refuses takes everything back."
                )

    def _not_permitted(self, sources: Sequence[_Source]) -> Iterator[str]:
        """Say which event triggers write what this role may not: the first DDL statement would fail."""
        for source in sources:
            if source.kind == "event trigger" and not source.definer:
                for event in sorted(self._writes(source) & self.refused, key=lambda one: (one.relation, one.kind)):
                    table = self.known[event.relation].name
                    yield (
                        f"Event trigger {source.name} fires on what the scripts do and would {event.kind} {table}, "
                        f"which this role may not. GRANT {event.kind} ON {table} TO this role, or "
                        f"ALTER EVENT TRIGGER {source.name} DISABLE for the rollback; then ask again."
                    )

    def _at_login(self) -> Iterator[str]:
        """Say what is written whenever the runbook connects."""
        for source in self.at_login:
            if tables := sorted({self.known[event.relation].name for event in self._writes(source)}):
                yield f"Event trigger {source.name} writes {', '.join(tables)} at each login, the runbook's among them."


def _on_statements(source: _Source) -> bool:
    return source.kind == "event trigger" and (source.tags is None or bool(STATEMENTS & set(source.tags)))


def _on(source: _Source, event: Event) -> bool:
    if source.relation != event.relation or event.kind not in source.events or _is_clock(source):
        return False
    return (
        event.kind != "UPDATE" or not source.columns or not event.columns or bool(event.columns & set(source.columns))
    )


def _is_clock(source: _Source) -> bool:
    """Tell whether the scripts switch it off while they write."""
    return re.fullmatch(r"update_\w+_updated_at", source.name) is not None and source.clock


def _kinds(verb: str, upserts: bool) -> Sequence[Kind]:
    word = verb.split(maxsplit=1)[0].upper()
    if word == "MERGE":
        return ("INSERT", "UPDATE", "DELETE")
    if word == "INSERT":
        return ("INSERT", "UPDATE") if upserts else ("INSERT",)
    return ("UPDATE",) if word == "UPDATE" else ("DELETE",)


def lines(firings: Sequence[Firing]) -> list[str]:
    """Say what will fire, a line each, for the plan."""
    return [_line(one) for one in firings]


def _line(one: Firing) -> str:
    on = f" on {one.table} ({' and '.join(one.events)})" if one.table else ""
    does = f" by {one.function}()" if one.function else ""
    sets = f"; it sets {', '.join(one.sets)} of the row itself" if one.sets else ""
    writes = "; ".join(f"{', '.join(kinds)} {table}" for table, kinds in one.writes.items())
    said = f"its text writes: {writes}" if writes else "its text names no table that it writes"
    unknown = "" if one.readable else "; it can write more than its text shows"
    return f"{one.kind.capitalize()} {one.name}{on}{does}: {said}{sets}{unknown}."
