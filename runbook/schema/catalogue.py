"""What the schema is, what it should be, and what lies between: facts read from PostgreSQL's catalogue."""

import csv
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row, tuple_row

import sql
from runbook.schema import naming

Connection = psycopg.Connection[tuple[object, ...]]
Outcome = Literal["missing", "different", "left over", "drift", "extra"]

ANY_TEXT = "any text"
"""What is declared of a comment: that there is one. How it was worded, each installation knows for itself."""

_COMPARED_BY_DEFINITION = {
    "comment",
    "event trigger",
    "grant",
    "inheritance",
    "policy",
    "publication",
    "publication relation",
    "row security",
    "trigger",
}


@dataclass(frozen=True)
class Fact:
    """One thing the catalogue says. ``identity`` follows the object through renames; it is empty if declared."""

    kind: str
    object: str
    definition: str
    identity: str = ""
    migration: str = ""
    renamed: bool = False
    """Declared facts only: the migration changes nothing of it but names."""
    schema: str = "public"
    """Where the object lies; empty for what lies in no schema. Only schema public is declared."""
    goes: str = ""
    """The migration whose script drops the column that this stands on alone, or is."""

    @property
    def key(self) -> tuple[str, str]:
        """Name the fact within one schema."""
        return self.kind, self.object


@dataclass(frozen=True)
class Difference:
    """One fact that is not as declared. ``migration`` is empty where no rollback has to do with it."""

    outcome: Outcome
    kind: str
    object: str
    expected: str
    found: str
    migration: str

    @property
    def fails(self) -> bool:
        """Tell whether the rollback missed its end state; what was added or differed before is only listed."""
        return self.outcome not in ("drift", "extra")

    def __str__(self) -> str:
        is_now = f"is {self.found}" if self.found else "is missing"
        said = {
            "missing": f"should be {self.expected}",
            "different": f"is {self.found}, should be {self.expected}",
            "drift": f"{is_now}, as before the rollback; declared is {self.expected}",
            "left over": f"should be gone, is {self.found}",
            "extra": f"is not declared: {self.found}",
        }
        return f"{self.outcome}: {self.kind} {self.object} {said[self.outcome]}"


def read(conn: Connection) -> list[Fact]:
    """Read the facts of all of the user's schemas, also inside an open transaction, which stays as it was."""
    with conn.transaction(force_rollback=True):  # takes the settings back as well
        conn.execute("SET LOCAL quote_all_identifiers = off")
        path = [compose.Identifier(name) for name in _search_path(conn)]
        conn.execute(compose.SQL("SET LOCAL search_path = {}").format(compose.SQL(", ").join(path)))
        conn.execute("SET LOCAL TimeZone = 'UTC'")  # inside the run's transaction it is the database's own
        with conn.cursor(row_factory=class_row(Fact)) as cursor:
            return cursor.execute(sql.query("fingerprint")).fetchall()


def expected(server: int, bot_label: str = "assistant", gemini: str = "none", oauth: str = "none") -> list[Fact]:
    """Return the declared end state on PostgreSQL ``server`` (its major number).

    ``gemini`` and ``oauth`` are ``none``, or ``kept`` where the operator chose to leave that migration in force.
    """
    facts = {"bot_label": bot_label, "gemini": gemini, "oauth": oauth}
    return [
        Fact(row["kind"], row["object"], row["definition"], "", row["migration"], row["renamed"] == "yes")
        for row in _rows("end_state.csv")
        if all(_holds(condition, server, facts) for condition in row["when"].split())
    ]


def differences(declared: Iterable[Fact], found: Iterable[Fact], before: Iterable[Fact] = ()) -> list[Difference]:
    """Compare what is in schema public with what should be. Grants are nowhere declared and not compared.

    Given the facts from before, what no rollback touches and was the same then is "drift": not ours to mend.
    """
    was = _Before(before)
    want = {fact.key: fact for fact in declared}
    have = {fact.key: fact for fact in found if fact.schema == "public" and fact.kind != "grant"}
    missing = [_missing(fact, was) for key, fact in want.items() if key not in have]
    pairs = [(fact, have[key]) for key, fact in want.items() if key in have]
    different = [_different(fact, now, was) for fact, now in pairs if fact.definition not in (now.definition, ANY_TEXT)]
    unknown = [_unknown(fact) for key, fact in have.items() if key not in want]
    return missing + different + sorted(unknown, key=lambda one: one.outcome, reverse=True)


def lost(before: Iterable[Fact], after: Iterable[Fact], skipped: Collection[str] = ()) -> list[Fact]:
    """Return the facts of ``before`` that are gone, or of which something that no rollback changes is different.

    Renames count as the same object. What the scripts drop by name, what goes with a column that they drop, and types
    that they make anew are not lost. ``skipped`` are migrations whose script does not run.
    """
    later = list(after)
    by_identity = {(fact.kind, fact.identity): fact for fact in later}
    by_name = {fact.key: fact for fact in later}
    kept = [fact for fact in before if not fact.goes or fact.goes in skipped]
    return [fact for fact in kept if _is_lost(fact, by_identity, by_name)]


@cache
def removed() -> dict[tuple[str, str], str]:
    """Return what the scripts drop by name, and of which migration that was."""
    return {(row["kind"], row["object"]): row["migration"] for row in _rows("removed.csv")}


def _normalise(fact: Fact) -> str:
    """Return the definition without the object's own name, so that it stays the same when things are renamed."""
    return naming.old(fact.definition).replace(naming.translate(fact.object), "")


def _is_lost(fact: Fact, by_identity: dict[tuple[str, str], Fact], by_name: dict[tuple[str, str], Fact]) -> bool:
    name = naming.translate(fact.object)
    same = by_identity.get((fact.kind, fact.identity)) or by_name.get((fact.kind, name))
    if same is None:
        return not any((kind, name) in removed() for kind in _kinds_of(fact))
    return fact.kind in _COMPARED_BY_DEFINITION and _nameless(fact) != _nameless(same)


def _nameless(fact: Fact) -> str:
    """Return the definition with the old release's names and labels, a trigger's without its own name."""
    if fact.kind == "comment":  # nobody rewrites what people wrote
        return fact.definition
    own = fact.object.rpartition(".")[2] if fact.kind == "trigger" else ""
    return naming.relabel(fact.definition.replace(own, "") if own else fact.definition)


def _kinds_of(fact: Fact) -> list[str]:
    """A grant or a comment goes with its object."""
    return ["table", "column", "enum"] if fact.kind == "grant" else [fact.kind]


class _Before:
    """Facts from before the rollback, by identity and by the names they have after it."""

    def __init__(self, facts: Iterable[Fact]) -> None:
        known = list(facts)
        self.given = bool(known)
        self.names = {(fact.kind, naming.translate(fact.object)) for fact in known}
        self.by_identity = {(fact.kind, fact.identity): fact for fact in known}


def _missing(want: Fact, was: _Before) -> Difference:
    # Where a migration changes nothing but the name, it was not the migration that took the object away.
    ours = want.migration and not (want.renamed and want.kind in ("column", "constraint"))
    drift = was.given and not ours and want.key not in was.names
    return Difference("drift" if drift else "missing", *want.key, want.definition, "", want.migration)


def _different(want: Fact, now: Fact, was: _Before) -> Difference:
    then = was.by_identity.get((now.kind, now.identity))
    # A name that the rollback restores says nothing about the definition under it.
    ours = want.migration and not want.renamed and (then is None or then.object == now.object)
    unchanged = then is not None and _normalise(then) == _normalise(now)
    drift = unchanged and not ours and _normalise(now) != _normalise(want)
    outcome: Outcome = "drift" if drift else "different"
    return Difference(outcome, *want.key, want.definition, now.definition, want.migration)


def _unknown(now: Fact) -> Difference:
    migration = removed().get((now.kind, naming.translate(now.object)), "") if now.kind != "comment" else ""
    return Difference("left over" if migration else "extra", *now.key, "", now.definition, migration)


def _search_path(conn: Connection) -> list[str]:
    query = "SELECT DISTINCT extnamespace::regnamespace::text FROM pg_extension ORDER BY 1"
    with conn.cursor(row_factory=tuple_row) as cursor:
        schemas = [str(row[0]) for row in cursor.execute(query)]
    return list(dict.fromkeys(["public", *(name for name in schemas if name != "pg_catalog"), "extensions"]))


@cache
def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(sql.read(name).splitlines(keepends=True)))


def _holds(condition: str, server: int, facts: dict[str, str]) -> bool:
    if match := re.fullmatch(r"server(>=|<)(\d+)", condition):
        return (server >= int(match[2])) == (match[1] == ">=")
    name, _, value = condition.partition("=")
    return facts[name] == value
