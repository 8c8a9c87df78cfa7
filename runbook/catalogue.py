"""What the schema is, what it should be, and what lies between: facts read from PostgreSQL's catalogue."""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row

import sql

Connection = psycopg.Connection[tuple[object, ...]]
Outcome = Literal["missing", "different", "left over", "extra"]

# What the rollback renames; "source_kb_id" is another thing, hence whole words.
_RENAMES = {"knowledge_bases": "digital_twins", "kb_id": "twin_id", "kb_owner": "professional"}
_RENAMED = re.compile(rf"\b({'|'.join(_RENAMES)})\b")
_COMPARED_BY_DEFINITION = {"grant", "policy", "row security"}


@dataclass(frozen=True)
class Fact:
    """One thing the catalogue says. ``identity`` follows the object through renames; it is empty if declared."""

    kind: str
    object: str
    definition: str
    identity: str = ""
    migration: str = ""

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
        """Tell whether the declared state is not reached; what was added beside it is only listed."""
        return self.outcome != "extra"

    def __str__(self) -> str:
        said = {
            "missing": f"should be {self.expected}",
            "different": f"is {self.found}, should be {self.expected}",
            "left over": f"should be gone, is {self.found}",
            "extra": f"is not declared: {self.found}",
        }
        return f"{self.outcome}: {self.kind} {self.object} {said[self.outcome]}"


def read(conn: Connection) -> list[Fact]:
    """Read the facts of schema public, also inside an open transaction, which stays as it was."""
    with conn.transaction(force_rollback=True):  # takes search_path back as well
        path = [compose.Identifier(name) for name in _search_path(conn)]
        conn.execute(compose.SQL("SET LOCAL search_path = {}").format(compose.SQL(", ").join(path)))
        with conn.cursor(row_factory=class_row(Fact)) as cursor:
            return cursor.execute(sql.query("fingerprint")).fetchall()


def expected(server: int, bot_label: str = "assistant", gemini: str = "none", oauth: str = "none") -> list[Fact]:
    """Return the declared end state on PostgreSQL ``server`` (its major number).

    ``gemini`` and ``oauth`` are ``none``, or ``kept`` where the operator chose to leave that migration in force.
    """
    facts = {"bot_label": bot_label, "gemini": gemini, "oauth": oauth}
    return [
        Fact(row["kind"], row["object"], row["definition"], migration=row["migration"])
        for row in _rows("end_state.csv")
        if all(_holds(condition, server, facts) for condition in row["when"].split())
    ]


def differences(declared: Iterable[Fact], found: Iterable[Fact]) -> list[Difference]:
    """Compare what is with what should be. Grants are nowhere declared and not compared."""
    want = {fact.key: fact for fact in declared}
    have = {fact.key: fact for fact in found if fact.kind != "grant"}
    missing = [_difference("missing", fact, None) for key, fact in want.items() if key not in have]
    different = [
        _difference("different", fact, have[key])
        for key, fact in want.items()
        if key in have and have[key].definition != fact.definition
    ]
    unknown = [
        _difference("left over" if (fact.kind, translate(fact.object)) in removed() else "extra", None, fact)
        for key, fact in have.items()
        if key not in want
    ]
    return missing + different + sorted(unknown, key=lambda one: one.outcome, reverse=True)


def lost(before: Iterable[Fact], after: Iterable[Fact]) -> list[Fact]:
    """Return the facts of ``before`` that are gone, or whose grants, policies or row security changed.

    Renames count as the same object. What the rollback removes on purpose, and types it makes anew, are not lost.
    """
    later = list(after)
    by_identity = {(fact.kind, fact.identity): fact for fact in later}
    by_name = {fact.key: fact for fact in later}
    return [fact for fact in before if _is_lost(fact, by_identity, by_name)]


@cache
def removed() -> dict[tuple[str, str], str]:
    """Return what the rollback removes on purpose, and of which migration that was."""
    return {(row["kind"], row["object"]): row["migration"] for row in _rows("removed.csv")}


def translate(text: str) -> str:
    """Write the old release's names in place of the new ones."""
    return _RENAMED.sub(lambda match: _RENAMES[match[1]], text)


def _is_lost(fact: Fact, by_identity: dict[tuple[str, str], Fact], by_name: dict[tuple[str, str], Fact]) -> bool:
    name = translate(fact.object)
    same = by_identity.get((fact.kind, fact.identity)) or by_name.get((fact.kind, name))
    if same is None:
        return not any((kind, name) in removed() for kind in _kinds_of(fact))
    return fact.kind in _COMPARED_BY_DEFINITION and translate(fact.definition) != same.definition


def _kinds_of(fact: Fact) -> list[str]:
    """A grant or a comment goes with its object."""
    return ["table", "column", "enum"] if fact.kind == "grant" else [fact.kind]


def _difference(outcome: Outcome, want: Fact | None, have: Fact | None) -> Difference:
    fact = want or have
    assert fact is not None
    migration = want.migration if want else removed().get((fact.kind, translate(fact.object)), "")
    return Difference(
        outcome, fact.kind, fact.object, want.definition if want else "", have.definition if have else "", migration
    )


def _search_path(conn: Connection) -> list[str]:
    query = "SELECT DISTINCT extnamespace::regnamespace::text FROM pg_extension ORDER BY 1"
    with conn.cursor(row_factory=class_row(_Name)) as cursor:
        schemas = [row.extnamespace for row in cursor.execute(query)]
    return list(dict.fromkeys(["public", *(name for name in schemas if name != "pg_catalog"), "extensions"]))


@dataclass(frozen=True)
class _Name:
    extnamespace: str


@cache
def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(sql.read(name).splitlines(keepends=True)))


def _holds(condition: str, server: int, facts: dict[str, str]) -> bool:
    if match := re.fullmatch(r"server(>=|<)(\d+)", condition):
        return (server >= int(match[2])) == (match[1] == ">=")
    name, _, value = condition.partition("=")
    return facts[name] == value
