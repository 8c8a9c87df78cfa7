"""The tables of the user's own schemas, by the names that people know them by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import sql as compose
from psycopg.rows import class_row

import sql


@dataclass(frozen=True)
class Relation:
    """One table: a partition has the name of the table that it is a part of."""

    oid: int
    schema: str
    relation: str
    kind: str
    name: str
    above: Sequence[int]
    """The partitioned tables that it belongs to, itself included."""
    below: Sequence[int]
    """What an UPDATE or DELETE of it reaches too, itself included."""

    @property
    def identifier(self) -> compose.Composable:
        """Its name in a statement."""
        return compose.Identifier(self.schema, self.relation)

    @property
    def source(self) -> compose.Composable:
        """It in a FROM clause, as a foreign key reads it: a partitioned table whole, others without their children."""
        return self.identifier if self.kind == "p" else compose.SQL("ONLY {}").format(self.identifier)


Relations = Mapping[int, Relation]


def read(conn: psycopg.Connection) -> Relations:
    """Read all tables of the user's own schemas, by oid."""
    with conn.cursor(row_factory=class_row(Relation)) as cursor:
        return {found.oid: found for found in cursor.execute(sql.query("relations").encode()).fetchall()}


def public(relations: Relations, *names: str) -> Relation | None:
    """Return the first table of schema public that has one of these names."""
    found = {relation.relation: relation for relation in relations.values() if relation.schema == "public"}
    return next((found[name] for name in names if name in found), None)


def stored(relations: Relations, relation: Relation) -> list[Relation]:
    """Return the tables that hold the rows which a statement on ``relation`` reaches."""
    return [relations[oid] for oid in relation.below if oid in relations and relations[oid].kind == "r"]
