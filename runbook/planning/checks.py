"""What rows meet when the transaction writes them or renames their labels: CHECKs, domains, unique keys.

PostgreSQL tries the CHECKs of a table, also those that are NOT VALID, when it writes a row, and none when a label is
renamed: there the rows would stand against their CHECK afterwards, and the next write of such a row would fail.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import sql as compose
from psycopg.rows import dict_row

from runbook import database, figures
from runbook.planning import labels, reading
from runbook.planning.labels import Column, Labels
from runbook.planning.relations import Relation

LOOKS = 6
"""After how many times the longest look the plan looks no further, so that a large database does not hold it up."""


@dataclass(frozen=True)
class Write:
    """An UPDATE: new values of columns, as SQL over the row ``r``, and which rows of a table get them."""

    tables: Sequence[Relation]
    """The tables that hold the rows."""
    values: Mapping[str, compose.Composable]
    where: compose.Composable
    what: str
    """What is written, such as ``the placeholder for users.password_hash``."""
    remedy: str
    literals: Mapping[str, str | None] = field(default_factory=dict)
    """The same values as text, where they are constants."""


@dataclass
class Findings:
    """What was found: what stands in the way, and what could not be looked at."""

    blockers: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    named: set[str] = field(default_factory=set)
    """Checks of which something was said: once is enough."""


@dataclass(frozen=True)
class _Check:
    """A CHECK of a stored table, or of the domain of one of its columns."""

    relation: int
    name: str
    kind: str
    valid: bool
    expression: str
    columns: Sequence[str]


class Looker:
    """Tries the CHECKs and unique keys of tables against rows as they would be, each look bounded in time."""

    def __init__(self, conn: psycopg.Connection, seconds: float, found: Labels, known: Mapping[int, Relation]) -> None:
        self.conn, self.seconds, self.labels, self.known = conn, seconds, found, known
        self.checks = [_Check(**row) for row in database.query(conn, "checks")]
        self.keys = database.query(conn, "unique_keys")
        self.columns: dict[int, list[database.Row]] = {}
        self.findings = Findings()
        self.ends = time.monotonic() + LOOKS * seconds

    def written(self, write: Write) -> None:
        """Look at what would refuse a write: types (with domains), CHECKs, unique keys of the tables of its rows."""
        for stored in write.tables:
            if not self._count(stored, write.where, f"what would refuse {write.what}"):
                continue
            self._types(write, stored)
            for check in (one for one in self.checks if one.relation == stored.oid and one.kind == "constraint"):
                self._check_written(write, stored, check)
            for key in (key for key in self.keys if key["relation"] == stored.oid):
                self._key_written(write, stored, key)

    def relabelled(self) -> None:
        """Look for the rows that would stand against a CHECK once their labels are renamed."""
        for column in self.labels.columns:
            changes = [change for change in self.labels.changes if change.type == column.type and change.old]
            reading_it = [
                check
                for check in self.checks
                if changes and check.relation == column.relation and column.name in check.columns
            ]
            for check in reading_it:
                self._check_relabelled(column, check)

    def added(self) -> None:
        """Look for CHECKs that refuse every row with a label that comes back."""
        for column in self.labels.columns:
            for change in self.labels.changes:
                for check in self.checks:
                    mine = check.relation == column.relation and column.name in check.columns
                    if mine and change.type == column.type and change.renamed and not column.many:
                        self._check_added(column, change.new, check)

    def having(self, column: Column, label: str) -> int:
        """Count the rows that have a label in a column."""
        name, table = compose.Identifier(column.name), self.known[column.relation]
        like = compose.SQL("{} = ANY (r.{}::text[])" if column.many else "{} = r.{}::text")
        return self._count(table, like.format(compose.Literal(label), name), f"rows of {table.name} with {label}")

    def duplicates(self, table: Relation, columns: Sequence[str]) -> int:
        """Count the rows that share their values of ``columns`` with another; 0 where a unique key forbids that."""
        if any(key["relation"] == table.oid and set(key["keys"]) == set(columns) for key in self.keys):
            return 0
        names = compose.SQL(", ").join(map(compose.Identifier, columns))
        query = compose.SQL(
            "SELECT coalesce(sum(n), 0)::int8 FROM (SELECT count(*) AS n FROM {} WHERE ({}) IS NOT NULL GROUP BY {} "
            "HAVING count(*) > 1) AS same"
        )
        return self._fetch(query.format(table.source, names, names), f"duplicates in {table.name}")

    def _check_written(self, write: Write, stored: Relation, check: _Check) -> None:
        said = f"{_described(check)} on {stored.name}"
        refused = compose.SQL("({}) AND {} IS FALSE").format(
            write.where, self._holds(stored, check, write.values, "before")
        )
        count = self._count(stored, refused, said)
        if count:
            self.findings.blockers.append(
                f"{said} refuses {write.what} in {figures.count(count, 'row')}{_not_valid(check)}. {write.remedy}"
            )

    def _check_relabelled(self, column: Column, check: _Check) -> None:
        stored = self.known[column.relation]
        before = self._holds(stored, check, {}, "before")
        after = self._holds(stored, check, {column.name: self._relabelled(column)}, "after")
        stands_against = compose.SQL("{} IS NOT FALSE AND {} IS FALSE").format(before, after)
        said = f"{_described(check)} on {stored.name}"
        if count := self._count(stored, stands_against, f"{said} (it reads {column.name}, whose label is renamed)"):
            names = [change for change in self.labels.changes if change.type == column.type and change.old]
            renamed = " and ".join(f"{change.old} is called {change.new}" for change in names)
            self.findings.blockers.append(
                f"{said} names labels of {column.type} as text, and {figures.count(count, 'row')} would violate it "
                f"once {renamed}. Change or drop the check so that it allows the label of before too, then ask again."
            )
            self.findings.named.add(said)

    def _check_added(self, column: Column, label: str, check: _Check) -> None:
        stored = self.known[column.relation]
        holds = self._holds(stored, check, {column.name: compose.Literal(label)}, "after")
        said = f"{_described(check)} on {stored.name}"
        sample = compose.SQL("r.ctid IN (SELECT ctid FROM {} LIMIT 1000)").format(stored.source)
        allowed = compose.SQL("{} AND {} IS NOT FALSE").format(sample, holds)
        if said in self.findings.named or not self._count(stored, sample, said):
            return
        if self._count(stored, allowed, said) == 0:
            self.findings.warnings.append(
                f"{said} refuses every row whose {column.name} is {label!r}, a label that the previous release writes. "
                "Change or drop it after the rollback."
            )
            self.findings.named.add(said)

    def _types(self, write: Write, stored: Relation) -> None:
        """Try the constants of a write against the columns' own types: their length, their domain."""
        for name, value in write.literals.items():
            query = compose.SQL("SELECT (jsonb_populate_record(NULL::{}, jsonb_build_object({}, {}::text))).{}").format(
                stored.identifier, compose.Literal(name), compose.Literal(value), compose.Identifier(name)
            )
            _, why = reading.attempt(self.conn, self.seconds, lambda query=query: self.conn.execute(query).fetchone())  # type: ignore[misc]
            if why:
                self.findings.blockers.append(
                    f"The type of column {stored.name}.{name} refuses {write.what} ({why}). {write.remedy}"
                )

    def _key_written(self, write: Write, stored: Relation, key: database.Row) -> None:
        if not set(key["columns"]) & write.values.keys():
            return
        said = f"unique key {key['name']} on {stored.name}"
        if not key["plain"]:
            self.findings.warnings.append(f"Not looked at: exclusion constraint {key['name']} of {stored.name}.")
            return
        count = self._fetch(self._collisions(write, stored, key), said)
        if count:
            self.findings.blockers.append(
                f"{said} refuses {write.what}: {figures.count(count, 'row')} would have the same. {write.remedy}"
            )

    def _collisions(self, write: Write, stored: Relation, key: database.Row) -> compose.Composed:
        """Count the rows that share their key with another once the write is done."""
        values = {
            name: compose.SQL("CASE WHEN {} THEN {} ELSE r.{} END").format(write.where, value, compose.Identifier(name))
            for name, value in write.values.items()
        }
        keys = [compose.SQL("({})").format(compose.SQL(text)) for text in key["keys"]]
        conditions = [compose.SQL("({})").format(compose.SQL(key["predicate"] or "true"))]
        conditions += [] if key["nulls_collide"] else [compose.SQL("{} IS NOT NULL").format(one) for one in keys]
        return compose.SQL(
            "SELECT coalesce(sum(n), 0)::int8 FROM (SELECT count(*) AS n "
            "FROM (SELECT x.* FROM {} AS r, LATERAL {} AS x) AS {} WHERE {} GROUP BY {} HAVING count(*) > 1) AS same"
        ).format(
            stored.source,
            self._row(stored, values, "plain"),
            compose.Identifier(stored.relation),
            compose.SQL(" AND ").join(conditions),
            compose.SQL(", ").join(keys),
        )

    def _holds(
        self, stored: Relation, check: _Check, values: Mapping[str, compose.Composable], side: labels.Side
    ) -> compose.Composed:
        """Return the CHECK's value for the row ``r``, some columns of which have other values."""
        expression = labels.as_text(check.expression, self.labels.changes, side)
        row = self._row(stored, values, "text", check.columns[0] if check.kind != "constraint" else None)
        return compose.SQL("(SELECT ({}) FROM {} AS {})").format(
            compose.SQL(expression), row, compose.Identifier(stored.relation)
        )

    def _row(
        self, stored: Relation, values: Mapping[str, compose.Composable], spelled: str, domain: str | None = None
    ) -> compose.Composed:
        """Return the row ``r`` as a subquery with other values; ``value`` is what a domain's CHECK calls its column."""
        columns = self._columns(stored)
        base = [column for column in columns if column["generated"] is None]
        made = [column for column in columns if column["generated"] is not None]
        enums = {column.name: column for column in self.labels.columns if column.relation == stored.oid}
        fields = []
        for name, type_ in ((str(column["name"]), str(column["type"])) for column in base):
            value: compose.Composable = compose.SQL("r.{}").format(compose.Identifier(name))
            if name in values:
                value = (
                    values[name] if name in enums else compose.SQL("({})::{}").format(values[name], compose.SQL(type_))
                )
            if spelled == "text" and name in enums:
                value = compose.SQL("({})::text{}").format(value, compose.SQL("[]" if enums[name].many else ""))
            fields.append(compose.SQL("{} AS {}").format(value, compose.Identifier(name)))
            fields += [compose.SQL("{} AS value").format(value)] if name == domain else []
        inner = compose.SQL("(SELECT {})").format(compose.SQL(", ").join(fields))
        if not made:
            return inner
        generated = [
            compose.SQL("({}) AS {}").format(
                compose.SQL(self._spelled(column["generated"], spelled)), compose.Identifier(column["name"])
            )
            for column in made
        ]
        return compose.SQL("(SELECT b.*, {} FROM {} AS b)").format(compose.SQL(", ").join(generated), inner)

    def _columns(self, stored: Relation) -> list[database.Row]:
        if stored.oid not in self.columns:
            self.columns[stored.oid] = database.query(self.conn, "columns", relation=stored.oid)
        return self.columns[stored.oid]

    def _spelled(self, expression: str, spelled: str) -> str:
        return labels.as_text(expression, self.labels.changes, "before") if spelled == "text" else expression

    def _relabelled(self, column: Column) -> compose.Composable:
        """Return the column with its labels as they are called afterwards."""
        value: compose.Composable = compose.SQL("r.{}::text{}").format(
            compose.Identifier(column.name), compose.SQL("[]" if column.many else "")
        )
        for change in (change for change in self.labels.changes if change.type == column.type and change.old):
            old, new = compose.Literal(change.old), compose.Literal(change.new)
            if column.many:
                value = compose.SQL("array_replace({}, {}, {})").format(value, old, new)
            else:
                value = compose.SQL("CASE {0} WHEN {1} THEN {2} ELSE {0} END").format(value, old, new)
        return value

    def _count(self, stored: Relation, where: compose.Composable, what: str) -> int:
        return self._fetch(compose.SQL("SELECT count(*) FROM {} AS r WHERE {}").format(stored.source, where), what)

    def _fetch(self, query: compose.Composed, what: str) -> int:
        """Return the number that a query gives; 0, and a warning, where it gives none."""

        def ask() -> int:
            with self.conn.cursor(row_factory=dict_row) as cursor:
                row = cursor.execute(query).fetchone()
            return int(next(iter(row.values()))) if row else 0

        left = min(self.seconds, self.ends - time.monotonic())
        count, why = reading.attempt(self.conn, left, ask) if left > 0 else (None, "the looks before took all the time")
        if count is None:
            warning = f"Not looked at: {what}, because {why.rstrip('.')}."
            self.findings.warnings += [] if warning in self.findings.warnings else [warning]
        return count or 0


def _described(check: _Check) -> str:
    return f"{'check' if check.kind == 'constraint' else check.kind} {check.name}"


def _not_valid(check: _Check) -> str:
    return "" if check.valid else ", although it is NOT VALID: what is written is checked"
