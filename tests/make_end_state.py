"""Write sql/end_state.csv and sql/removed.csv from sql/demo, on every server version: python -m tests.make_end_state.

The files are read and reviewed as data; a test holds them against what each server says.
"""

import csv
from collections import defaultdict
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from runbook.schema import catalogue, naming
from runbook.schema.catalogue import Fact
from tests import servers
from tests.databases import ALL, AS_SHIPPED, Templates, migrate

FOLDER = Path(__file__).parent.parent / "sql"
ROLLED_BACK = ("010", "011", "012", "013")
# What a recreation of an enum leaves behind, wherever it stopped.
STRAYS = {"user_role": "012", "conversation_status": "011", "message_sender": "011", "llm_provider": "010"}


class Row(NamedTuple):
    """One fact without its conditions."""

    kind: str
    object: str
    definition: str


class Variant(NamedTuple):
    """A choice by which the end state differs: the condition when taken, when not, and the migration it belongs to."""

    taken: str
    default: str
    migration: str
    state: dict[str, str | tuple[str, ...]]


VARIANTS = (
    Variant("bot_label=twin", "bot_label=assistant", "011", {"bot_label": "twin"}),
    Variant("gemini=kept", "gemini=none", "013", {"forward": ("013",)}),
    Variant("oauth=kept", "oauth=none", "012", {"forward": ("012",)}),
)


def facts(templates: Templates, **state: object) -> list[Fact]:
    """Read what is declared, thus without grants, in a database without rows."""
    with templates.copy(messages=0, **state) as database, database.connect() as conn:  # type: ignore[arg-type]
        return [fact for fact in catalogue.read(conn) if fact.kind != "grant" and fact.schema == "public"]


def declare(templates: Templates) -> dict[Row, tuple[str, str, str]]:
    """Return the rows of one server: what changes them, whether only by name, conditions but the version.

    No migration answers for a comment: whether there is one fails no rollback.
    """
    base = rows(facts(templates))
    forward = {number: rows(facts(templates, forward=(number,))) for number in ROLLED_BACK}
    variants = [(variant, rows(facts(templates, **variant.state))) for variant in VARIANTS]
    declared = {}
    for row in base:
        changed = " ".join(number for number in ROLLED_BACK if row not in forward[number])
        when = " ".join(variant.default for variant, found in variants if row not in found)
        declared[row] = (changed, _renamed(row, forward, changed.split()), when)
    for variant, found in variants:
        declared |= {row: (variant.migration, "", variant.taken) for row in found if row not in base}
    return {row: ("", "", said[2]) if row.kind == "comment" else said for row, said in declared.items()}


def merge(declared: dict[int, dict[Row, tuple[str, str, str]]]) -> list[list[str]]:
    """Join the servers' declarations into lines that name the versions only where these differ."""
    versions = defaultdict(set)
    for version, one in declared.items():
        for row, (changed, renamed, when) in one.items():
            versions[row, changed, renamed, when].add(version)
    lines = [
        [*row, changed, renamed, " ".join(filter(None, (_server(sorted(seen), sorted(declared)), when)))]
        for (row, changed, renamed, when), seen in versions.items()
    ]
    return sorted(lines)


def removed(templates: Templates) -> list[list[str]]:
    """Return what the scripts drop by name: what the transformation made, and what goes with no column."""
    lines = {("enum", f"{name}_{end}", number) for name, number in STRAYS.items() for end in ("new", "old")}
    for number in (*ALL, AS_SHIPPED):
        with templates.copy(messages=0) as database, database.connect() as conn:
            before = catalogue.read(conn)
            migrate(database, (number,))
            lines |= {(fact.kind, name, number[:3]) for fact, name in _made(before, catalogue.read(conn))}
    return [list(line) for line in sorted(lines)]


def rows(found: Iterable[Fact]) -> set[Row]:
    """Return facts without identity, and comments without their text, which each installation words for itself."""
    return {
        Row(fact.kind, fact.object, catalogue.ANY_TEXT if fact.kind == "comment" else fact.definition) for fact in found
    }


def write(name: str, header: list[str], lines: list[list[str]]) -> None:
    """Write one of the two files."""
    with (FOLDER / name).open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([header, *lines])


def _renamed(row: Row, forward: dict[str, set[Row]], changed: list[str]) -> str:
    """Say yes where the migrations change nothing but names: of the object, or of what its definition mentions."""
    there = [{_nameless(one) for one in forward[number]} for number in changed]
    return "yes" if changed and all(_nameless(row) in rows for rows in there) else ""


def _nameless(row: Row) -> Row:
    """Write a row with the old release's names; an index or a trigger, whose name says nothing, without its own."""
    name, definition = naming.old(row.object), naming.old(row.definition)
    if row.kind not in ("index", "trigger"):
        return Row(row.kind, name, definition)
    own = row.object.rpartition(".")[2]
    return Row(row.kind, name.removesuffix(own), definition.replace(own, ""))


def _made(before: list[Fact], after: list[Fact]) -> Iterable[tuple[Fact, str]]:
    known = {(fact.kind, fact.identity) for fact in before} | {fact.key for fact in before}
    for fact in after:
        name = naming.translate(fact.object)
        by_name = fact.kind == "column" or not fact.goes
        if fact.kind != "grant" and by_name and not known & {(fact.kind, fact.identity), (fact.kind, name)}:
            yield fact, name


def _server(seen: list[int], every: list[int]) -> str:
    if seen == every:
        return ""
    first, after = every.index(seen[0]), every.index(seen[-1]) + 1
    if seen != every[first:after]:
        raise ValueError(f"versions {seen} of {every} cannot be written as a range")
    lower = [f"server>={every[first]}"] if first else []
    return " ".join(lower + ([f"server<{every[after]}"] if after < len(every) else []))


def main() -> None:
    """Write both files; every version of the tests must be installed."""
    with ExitStack() as stack:
        templates = {}
        for version in servers.VERSIONS:
            server = servers.start(version)
            stack.callback(server.stop)
            templates[int(version)] = Templates(server)
        lines = merge({version: declare(one) for version, one in templates.items()})
        write("end_state.csv", ["kind", "object", "definition", "migration", "renamed", "when"], lines)
        write("removed.csv", ["kind", "object", "migration"], removed(templates[max(templates)]))


if __name__ == "__main__":
    main()
