"""What differs between two pictures of a database, beyond what the transformation's own rollback means.

What it means is known from the description of the database (names, columns, labels), not from the runbook.
"""

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.hostile.oracle import Fact, Picture, Relation, Row

COME_BACK: Mapping[str, Mapping[str, Any]] = {
    "public.digital_twins": {
        "profession": "Not recorded",
        "bio": None,
        "personality_traits": None,
        "communication_style": None,
        "capabilities": None,
        "services": None,
        "pricing_info": None,
        "availability_schedule": None,
        "handover_threshold": 0.5,
    },
    "public.conversations": {"handed_over_at": None},
}
GO = {
    "public.digital_twins": {"description", "is_public", "share_url"},
    "public.users": {"oauth_provider", "oauth_id", "avatar_url"},
}
PLACEHOLDER = "$2b$10$TEMPORARY_HASH_INVALID_FOR_LOGIN"
OURS = "rollback"
"""The runbook's own schema: what it makes there is no change to what a team has."""

TAKEN_BACK = re.compile(
    r"type public\.(conversation_status|message_sender|user_role)|"
    r"column public\.(users\.(role|password_hash)|conversations\.status|messages\.sender)|"
    r"constraint public\.(users|digital_twins)\.\w+_not_null"
)
"""What the rollback changes in its definition."""

NOT_NULL = re.compile(
    r"^public\.(digital_twins|users)\.\w+_not_null |"
    r"\.(users_password_hash|digital_twins_profession)_not_null NOT NULL (password_hash|profession)$"
)
"""What comes back as NOT NULL, in tables that inherit too."""

KEPT = {
    "oauth": r"type public\.user_role|column public\.users\.(role|password_hash)|"
    r"constraint public\.users\.users_password_hash",
    "gemini": r"type public\.llm_provider",
}
"""What is not as in the baseline where a migration is left in force."""


@dataclass(frozen=True)
class Change:
    """Something that is not what it was."""

    what: str
    """The table or object, with its schema."""
    said: str
    rows: int = 0
    """How many rows; 0 for an object."""
    column: str = ""
    """The column whose values are others."""
    check: bool = False
    """Whether it is a check that rows violate."""

    def __str__(self) -> str:
        return f"{self.what}: {self.said}"


def old(text: str) -> str:
    """Write a name or a definition as the old release has it; a column renamed under a view looks as if it were not."""
    text = text.replace("knowledge_bases", "digital_twins")
    text = re.sub(r"(idx_\w+?)_kb(?=_id\b|\b)", r"\1_twin", text)
    text = re.sub(r"(?<=_)kb_id(?=_)|\bkb_id\b", "twin_id", text)
    text = re.sub(r"\bkb_owner\b", "professional", text)
    return re.sub(r"(?:\b\w+\.)?\b(\w+) AS \1\b", r"\1", re.sub(r"(\w+\.)(\w+) AS \2\b", r"\1\2", text))


def objects(before: Picture, after: Picture, transformed: Picture, baseline: Picture) -> Iterator[Change]:
    """Yield the objects that are gone, new or different.

    ``transformed`` tells what was the transformation's own, ``baseline`` what may come back.
    """
    declared = baseline.names()
    later = {(fact.kind, old(fact.name)): fact for fact in after.facts.values()}
    known = set()
    for key, fact in before.facts.items():
        now = after.facts.get(key) or later.get((fact.kind, old(fact.name)))
        if now is None:
            if not _goes(fact, transformed):
                yield Change(fact.name, f"{fact.kind} is gone")
            continue
        known.add(now.key)
        if old(now.name) != old(fact.name):
            yield Change(fact.name, f"{fact.kind} is called {now.name}")
        if old(now.definition) != old(fact.definition) and not TAKEN_BACK.fullmatch(f"{fact.kind} {old(fact.name)}"):
            yield Change(fact.name, f"{fact.kind} was {fact.definition!r}, is {now.definition!r}")
    for key, fact in after.facts.items():
        if key not in known and not _comes(fact) and declared.get((fact.kind, fact.name)) != fact.definition:
            yield Change(fact.name, f"{fact.kind} is new: {fact.definition!r}")


def ours(fact: Fact) -> bool:
    """Tell whether this belongs to the schema that the runbook makes."""
    return re.search(rf"(^|\s){OURS}(\.|$)", fact.name) is not None


def _goes(fact: Fact, transformed: Picture) -> bool:
    """Tell whether the rollback means to remove this: a column, what is granted on it, the transformation's comment."""
    if fact.kind == "comment":
        return transformed.names().get((fact.kind, fact.name)) == fact.definition
    name = fact.name.split()[2] if fact.kind == "grant" else fact.name
    table, _, column = old(name).rpartition(".")
    return fact.kind in ("column", "grant") and column in GO.get(table, ())


def _comes(fact: Fact) -> bool:
    """Tell whether the rollback means to bring this."""
    table, _, column = fact.name.rpartition(".")
    return (
        ours(fact)
        or "public.handover_notifications" in fact.name
        or fact.name.startswith("public.idx_handover_notifications_")
        or (fact.kind == "column" and column in COME_BACK.get(table, ()))
        or (fact.kind == "constraint" and bool(NOT_NULL.search(f"{fact.name} {fact.definition}")))
    )


def rows(before: Picture, after: Picture, oauth: str, gemini: str) -> Iterator[Change]:
    """Yield what became of rows otherwise than by the choices made.

    A view is judged only where nothing that it reads was changed by the choice itself.
    """
    later = {old(name): relation for name, relation in after.relations.items()}
    moved = set(_moved(before, later, oauth, gemini))
    for name, relation in before.relations.items():
        if (now := later.pop(old(name), None)) is None:
            yield Change(name, f"{relation.kind} is gone with its rows", len(relation.rows))
        elif not moved & before.reads.get(name, frozenset()):
            yield from _changes(name, relation, now, oauth, gemini)
    for name, relation in later.items():
        if relation.rows and relation.kind == "r" and not name.startswith(f"{OURS}."):
            yield Change(name, "is new, with rows", len(relation.rows))


def _moved(before: Picture, later: Mapping[str, Relation], oauth: str, gemini: str) -> Iterator[tuple[str, str]]:
    """Yield tables whose rows came or went, with each column, and the columns that the choices change."""
    if oauth == "temporary passwords":
        yield "public.users", "password_hash"
    if gemini == "remove":
        yield "public.knowledge_bases", "llm_provider"
    for name, relation in before.relations.items():
        now = later.get(old(name))
        if relation.kind == "r" and now is not None and len(now.rows) != len(relation.rows):
            yield name, ""
            yield from ((name, column) for row in relation.rows[:1] for column in row)


def _changes(raw: str, then: Relation, now: Relation, oauth: str, gemini: str) -> Iterator[Change]:
    name = old(raw)
    had = then.rows[0].keys() if then.rows else ()
    come = {column: value for column, value in COME_BACK.get(name, {}).items() if column not in had}
    wanted = _translated(then, lambda row: _wanted(name, row, then, oauth, gemini))
    found = _translated(now, lambda row: {column: value for column, value in row.items() if column not in come})
    if then.kind == "r":
        yield from _filled(raw, now, come)
    # A column that came or went is a change of the table, not of each row.
    both = {c for row in wanted.rows[:1] for c in row} & {c for row in found.rows[:1] for c in row}
    if wanted.rows and found.rows:
        wanted, found = _only(wanted, both), _only(found, both)
    yield from _compared(raw, wanted.by_key(), found.by_key(), oauth)


def _only(relation: Relation, columns: set[str]) -> Relation:
    return replace(relation, rows=tuple({c: v for c, v in row.items() if c in columns} for row in relation.rows))


def end_state(baseline: Picture, after: Picture, drift: str, kept: Collection[str]) -> Iterator[Change]:
    """Yield what the old release's schema has and this one has not, but for the team's own ``drift``.

    ``kept`` are the migrations that the operator chose to leave in force.
    """
    forgiven = "|".join(filter(None, [drift, *(KEPT[one] for one in kept)]))
    found = after.names()
    for (kind, name), definition in baseline.names().items():
        # Settings are no part of a release's schema; that none of them changed is seen by ``objects``.
        if kind == "settings" or (forgiven and re.search(forgiven, f"{kind} {name}")):
            continue
        if (kind, name) not in found:
            yield Change(name, f"{kind} of the old release is missing")
        elif found[kind, name] != definition:
            yield Change(name, f"{kind} of the old release is {found[kind, name]!r}, not {definition!r}")


def checks(before: Picture, after: Picture) -> Iterator[Change]:
    """Yield the constraints that rows violate now and did not before: PostgreSQL looks only at rows being written."""
    was = {(old(table), name): count for (table, name), count in before.broken.items()}
    for (table, name), count in after.broken.items():
        if count > was.get((old(table), name), 0):
            yield Change(f"{table}.{name}", f"constraint is violated by {count} row(s)", count, check=True)


def _translated(relation: Relation, change: Callable[[Row], Row]) -> Relation:
    """Return a relation with the old release's names of columns, each row changed."""
    changed = tuple(change({old(column): value for column, value in row.items()}) for row in relation.rows)
    return replace(relation, key=tuple(map(old, relation.key)), rows=changed)


def _wanted(name: str, row: Row, then: Relation, oauth: str, gemini: str) -> Row:
    """Return a row as it should be afterwards, but for what comes back."""
    goes = GO.get(name, set()) if not (name == "public.users" and oauth == "keep") else set()
    roles = set(map(old, then.roles)) if oauth != "keep" else set()
    new = {c: _relabelled(v) if c in roles else v for c, v in row.items() if c not in goes}
    if gemini == "remove" and name == "public.digital_twins" and new.get("llm_provider") == "gemini":
        new["llm_provider"] = "openai"
    if name == "public.users" and oauth == "temporary passwords" and new["password_hash"] is None:
        new["password_hash"] = PLACEHOLDER
    return new


def _relabelled(value: Any) -> Any:
    """Write the old label for the new one, in arrays and composites too."""
    if isinstance(value, list):
        return [_relabelled(one) for one in value]
    if isinstance(value, dict):
        return {name: _relabelled(one) for name, one in value.items()}
    return value.replace("kb_owner", "professional") if isinstance(value, str) else value


def _filled(name: str, now: Relation, come: Mapping[str, Any]) -> Iterator[Change]:
    """Yield the columns that came back with other values than the declared ones."""
    for column, value in come.items():
        if wrong := sum(row.get(column, "absent") != value for row in now.rows):
            yield Change(name, f"{column} came back with another value than {value!r} in {wrong} row(s)", wrong, column)


def _compared(name: str, wanted: Mapping[str, Row], found: Mapping[str, Row], oauth: str) -> Iterator[Change]:
    lost = [key for key in wanted if key not in found]
    if name == "public.users" and oauth == "delete":
        lost = [key for key in lost if wanted[key]["password_hash"] is not None]
        if kept := [key for key in found if key in wanted and wanted[key]["password_hash"] is None]:
            yield Change(name, f"{len(kept)} row(s) without a password are still there", len(kept))
    if lost:
        yield Change(name, f"{len(lost)} row(s) are gone", len(lost))
    # The archive of an earlier rollback grows.
    if (new := [key for key in found if key not in wanted]) and not name.startswith(f"{OURS}."):
        yield Change(name, f"{len(new)} row(s) are new", len(new))
    differ: Counter[str] = Counter()
    for key in wanted.keys() & found.keys():
        want, have = wanted[key], found[key]
        differ.update(c for c in want.keys() | have.keys() if want.get(c) != have.get(c))
    for column, count in differ.items():
        yield Change(name, f"{column} differs in {count} row(s)", count, column)
