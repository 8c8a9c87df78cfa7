"""What the data and the team's own objects have to say to a plan: refused rows, labels as text, triggers."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import psycopg

import sql
from runbook import database, figures
from runbook.models import Firing
from runbook.planning import census, labels, reading, relations, sideeffects, triggers, users, writes
from runbook.planning.checks import Looker
from runbook.planning.labels import Labels
from runbook.planning.users import Deletion
from runbook.request import RollbackRequest
from runbook.schema import catalogue, naming
from runbook.settings import Settings


@dataclass(frozen=True)
class Findings:
    """What was found before anything is touched."""

    deletion: Deletion
    fires: Sequence[Firing]
    unguarded: Sequence[str]
    blockers: Sequence[str]
    warnings: Sequence[str]


def read(conn: psycopg.Connection, request: RollbackRequest, settings: Settings) -> Findings:
    """Look at the data and at what the team added, read-only, no statement for longer than the settings allow."""
    seconds = settings.look_seconds
    deletion, blockers = _deletion(conn, request, seconds)
    found = labels.read(conn, request.oauth, request.gemini, settings.bot_label)
    known = relations.read(conn)
    fired = triggers.read(conn, writes.events(conn, known, request.oauth, deletion))
    looker = Looker(conn, seconds, found, known)
    for write in writes.updates(conn, known, request.oauth, deletion):
        looker.written(write)
    looker.relabelled()
    looker.added()
    orphans = database.query(conn, "orphans")
    unguarded = [f"{row['table']}.{row['constraint']} is {row['why']}" for row in orphans]
    unfit, doubtful = _unfit(conn, request, orphans)
    if not database.query(conn, "row_counters")[0]["counted"]:
        unfit.append(
            "track_counts is off for this role: what the transaction does to rows could not be counted. Set it on "
            "(ALTER ROLE … SET track_counts = on, as a superuser); then ask again."
        )
    server = database.identity(conn).major
    spoilt = [*_extra(found, looker, server, settings.bot_label), *_duplicates(looker, server, settings.bot_label)]
    return Findings(
        deletion,
        fired.firings,
        unguarded,
        [*blockers, *fired.blockers, *looker.findings.blockers, *unfit, *spoilt],
        [
            *_left_behind(deletion),
            *_users_along(deletion),
            *sideeffects.warnings(conn, request),
            *fired.warnings,
            *looker.findings.warnings,
            *doubtful,
            *_computed(conn, found),
            *_texts(conn, found, looker),
        ],
    )


def _deletion(conn: psycopg.Connection, request: RollbackRequest, seconds: float) -> tuple[Deletion, list[str]]:
    if request.oauth != "delete":
        return users.NOBODY, []
    deletion, why = reading.attempt(conn, seconds, lambda: users.preview_deletion(conn))
    if deletion is None:
        lines = [
            f"What deleting OAuth users takes along could not be counted, because {why.rstrip('.')}. Mend that, or "
            "choose temporary passwords."
        ]
        return users.NOBODY, lines
    return deletion, census.forbidding(deletion)


def _left_behind(deletion: Deletion) -> list[str]:
    return [
        f"{figures.count(effect.rows, 'row')} of {effect.table} will point at nobody: {effect.constraint} is not "
        "enforced, so PostgreSQL neither deletes them nor complains."
        for effect in deletion.effects
        if effect.action == "left behind"
    ]


def _users_along(deletion: Deletion) -> list[str]:
    """Say that users who have a password go too, with those who have none."""
    keys = ", ".join(one.constraint for one in deletion.effects if one.table == "users" and one.action == "deleted")
    if not (rows := deletion.deleted.get("users", 0)):
        return []
    return [f"Deleting OAuth users takes along {figures.count(rows, 'user')} WITH a password, by {keys}."]


def _texts(conn: psycopg.Connection, found: Labels, looker: Looker) -> list[str]:
    """Say which objects have a label or a name that changes in their text; each object once."""
    mentions = [
        f"{_capital(row['function'])} names {row['words']} in its text: the catalogue cannot follow that; look at it."
        for row in database.query(conn, "mentions")
    ]
    return [_capital(line) for line in labels.in_text(conn, found, looker.findings.named)] + mentions


def _capital(line: str) -> str:
    return line[:1].upper() + line[1:]


def _computed(conn: psycopg.Connection, found: Labels) -> list[str]:
    """Say what PostgreSQL computed from a label by a function: a rename does not compute it anew."""
    renamed = {change.type for change in found.changes if change.old and change.renamed}
    return [
        f"{_capital(row['object'])} was computed from {row['type']} by a function, and stays so when its labels are "
        f"renamed. After the rollback: {row['remedy']}"
        for row in database.query(conn, "computed_labels")
        if row["type"] in renamed
    ]


def _extra(found: Labels, looker: Looker, server: int, bot_label: str) -> Iterator[str]:
    """Say which rows have a label that the end state does not know."""
    for name, label in labels.unknown(found, server, bot_label):
        rows = {
            f"{looker.known[column.relation].name}.{column.name}": looker.having(column, label)
            for column in found.columns
            if column.type == name
        }
        used = ", ".join(f"{count:,} in {where}" for where, count in rows.items() if count)
        if used:
            yield (
                f"Type {name} has the label {label}, which the previous release does not know, and rows use it "
                f"({used}). Give these rows another label and make the type without it first."
            )


def _unfit(
    conn: psycopg.Connection, request: RollbackRequest, orphans: Sequence[database.Row]
) -> tuple[list[str], list[str]]:
    """Say which foreign keys and indexes the verification would not accept, and which are only doubtful."""
    judged, blockers, warnings = _judged(request), list[str](), list[str]()
    for row in database.query(conn, "invalid_indexes"):
        said = f"Index {row['index']} of {row['table']} is invalid"
        if naming.old_index(row["index"]) in judged:
            blockers.append(f"{said}, and the end state needs it. REINDEX INDEX {row['index']}; then ask again.")
        else:
            warnings.append(f"{said}: no query uses it. It stays as it is.")
    for row in orphans:
        said = f"Foreign key {row['constraint']} of {row['table']} is {row['why']}"
        if "." not in row["table"] and naming.old_index(row["constraint"]) in judged:
            blockers.append(f"{said}, and the end state needs it whole. {_mend(row)} Then ask again.")
        else:
            warnings.append(f"{said}: rows without a parent may be there. It stays as it is.")
    return blockers, warnings


def _mend(row: database.Row) -> str:
    if row["why"] == "not validated":
        return f"ALTER TABLE {row['table']} VALIDATE CONSTRAINT {row['constraint']}; it names a row that is in its way."
    return f"Drop {row['constraint']} and add it anew: that names a row that is in its way."


def _judged(request: RollbackRequest) -> set[str]:
    """Return the names of the indexes and constraints that the verify scripts of this plan ask for."""
    stems = ["010_rollback_knowledge_base", "011_rollback_handover"]
    stems += [] if request.oauth == "keep" else ["012_rollback_oauth"]
    names = {name for stem in stems for name in re.findall(r"'(\w+)'", sql.read(f"verify/{stem}.sql"))}
    tables = {name for name in names if f"{name}_twin_id" not in names}
    return names | {f"{table}_twin_id_fkey" for table in tables}


def _duplicates(looker: Looker, server: int, bot_label: str) -> Iterator[str]:
    """Say where a unique key of the baseline is gone, and rows are there that it would refuse."""
    for fact in catalogue.expected(server, bot_label):
        match = re.fullmatch(r"UNIQUE \((.*)\)", fact.definition) if fact.kind == "constraint" else None
        name, _, constraint = fact.object.partition(".")
        names = ("knowledge_bases", "digital_twins") if name == "digital_twins" else (name,)
        table = relations.public(looker.known, *names)
        if match and table and (count := looker.duplicates(table, match[1].split(", "))):
            yield (
                f"The unique constraint {constraint} is gone from {table.name}, and {figures.count(count, 'row')} "
                f"share their {match[1]} with another. Bring them together, then "
                f"ALTER TABLE {table.name} ADD CONSTRAINT {constraint} {fact.definition}."
            )
