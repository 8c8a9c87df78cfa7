"""The labels of enums that the rollback renames, takes away or brings, and who has such a label in text.

A label in a column or in a constant of its enum follows a rename by itself. The same word as text does not.
"""

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import psycopg

from runbook import database
from runbook.schema import catalogue

BOTS = ("assistant", "twin")


@dataclass(frozen=True)
class Change:
    """One label of an enum of schema public: ``old`` becomes ``new``, or ``new`` is added where ``old`` is empty."""

    type: str
    old: str
    new: str
    renamed: bool = True
    """Whether the constants of the type follow; False: its rows are moved to another label."""


@dataclass(frozen=True)
class Column:
    """A stored column of such a type."""

    type: str
    relation: int
    name: str
    many: bool
    """Whether it holds arrays of labels."""


@dataclass(frozen=True)
class Labels:
    """The enums as they are, what changes, and where they are stored."""

    there: Mapping[str, Sequence[str]]
    changes: Sequence[Change]
    columns: Sequence[Column]


def read(conn: psycopg.Connection, oauth: str, gemini: str, bot_label: str) -> Labels:
    """Read the enums, and say what the choices of a plan do to their labels."""
    rows = database.query(conn, "enum_labels")
    there = {str(row["type"]): [str(label) for label in row["labels"] or ()] for row in rows}
    columns = [Column(row["type"], row["relation"], row["column"], row["many"]) for row in rows if row["relation"]]
    return Labels(there, list(_changes(there, oauth, gemini, bot_label)), columns)


def _changes(there: Mapping[str, Sequence[str]], oauth: str, gemini: str, bot_label: str) -> Iterator[Change]:
    roles, senders = there.get("user_role", ()), there.get("message_sender", ())
    if oauth != "keep" and "kb_owner" in roles:
        yield Change("user_role", "kb_owner", "professional")
    other = next(label for label in BOTS if label != bot_label)
    if other in senders and bot_label not in senders:
        yield Change("message_sender", other, bot_label)
    if senders and "professional" not in senders:
        yield Change("message_sender", "", "professional")
    if (states := there.get("conversation_status")) and "handed_over" not in states:
        yield Change("conversation_status", "", "handed_over")
    if gemini == "remove" and "gemini" in there.get("llm_provider", ()):
        yield Change("llm_provider", "gemini", "openai", renamed=False)


Side = Literal["before", "after"]


def as_text(expression: str, changes: Sequence[Change], side: Side) -> str:
    """Write an expression so that columns and constants of the enums are text, before or after the rollback."""

    def literal(match: re.Match[str]) -> str:
        text, array = match[1], match[3] or ""
        for change in changes:
            if side == "after" and change.renamed and change.old and change.type == match[2]:
                text = re.sub(rf"(?<=['{{,]){re.escape(change.old)}(?=['}},])", change.new, text)
        return f"{text}::text{array}"

    types = "|".join(sorted({change.type for change in changes})) or "user_role"
    constant = rf"('(?:[^']|'')*')::(?:public\.)?({types})\b(\[\])?"
    return re.sub(rf"::(?:public\.)?({types})\b", "::text", re.sub(constant, literal, expression))


def unknown(found: Labels, server: int, bot_label: str) -> Iterator[tuple[str, str]]:
    """Yield each type with each label that neither the end state nor a change of the rollback has a place for."""
    for kept in catalogue.expected(server, bot_label, gemini="kept", oauth="none"):
        if kept.kind == "enum" and kept.object in found.there:
            known = {*kept.definition.split(", "), *(change.old for change in found.changes), "kb_owner", *BOTS}
            yield from ((kept.object, label) for label in found.there[kept.object] if label not in known)


def in_text(conn: psycopg.Connection, found: Labels, named: Container[str] = ()) -> list[str]:
    """Return each object whose text has a label that changes, by its name in its own schema; a line an object.

    ``named`` are objects of which enough was said.
    """
    words, lines = _words(found), []
    for row in database.query(conn, "definitions"):
        has = sorted(_quoted(row["definition"], row["plain"]) & words.keys())
        if has and row["object"] not in named:
            lines.append(
                f"{row['object']} has {' and '.join(map(repr, has))} as text, which PostgreSQL does not change along: "
                f"{'; '.join(words[word] for word in has)}. Look at it, and change it after the rollback."
            )
    return lines


def _words(found: Labels) -> dict[str, str]:
    """Return the labels that go or come, each with what that means."""
    words: dict[str, str] = {}
    for change in found.changes:
        if change.old:
            words[change.old] = f"{change.type} has no {change.old} afterwards"
        if change.renamed:
            words.setdefault(change.new, f"{change.new} becomes a label of {change.type}")
    return words


_LITERAL = re.compile(r"""'((?:[^']|'')*)'(?:::(?:"?\w+"?\.)?"?(\w+)"?)?""")
_ELEMENT = re.compile(r"""(?:^|[{,"])\s*([^{},"\s]+)\s*(?=[},"]|$)""")
_ENUMS = ("user_role", "conversation_status", "message_sender", "llm_provider")


def _quoted(text: str, plain: bool) -> set[str]:
    """Return the quoted words of a definition, elements of arrays and JSON too; constants of the enums are none."""
    found: set[str] = set()
    for match in _LITERAL.finditer(text):
        if plain or match[2] not in _ENUMS:
            found |= {match[1], *_ELEMENT.findall(match[1])}
    return found
