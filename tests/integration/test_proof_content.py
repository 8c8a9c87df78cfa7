"""The proof of a backup compares all that a dump may hold."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import proofs
from tests.databases import Database
from tests.proofs import Place


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with proofs.place(transformed, tmp_path, monkeypatch) as at:
        yield at


def test_everything_that_a_dump_may_hold_is_compared(place: Place) -> None:
    """Types whose text depends on settings, odd names, inheritance, partitions, sequences, large objects."""
    for statement in ODD.split(";\n"):  # a subscription is not made inside a transaction
        place.conn.execute(statement)
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"DateStyle\" = 'German'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"IntervalStyle\" = 'sql_standard'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET \"TimeZone\" = 'Asia/Tokyo'")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET search_path = odd, public, extensions")
    place.conn.execute(f"ALTER DATABASE {place.database.dbname} SET app.greeting = 'it''s me'")
    taken = place.take()
    place.prove(taken)
    for change, said in CHANGES.items():
        with place.database.connect() as conn:
            conn.execute(change)
        proofs.refused(place, taken, said)
        with place.database.connect() as conn:
            conn.execute("DROP SUBSCRIPTION odd_sub")
            conn.execute("DROP PUBLICATION odd_all; DROP SCHEMA odd CASCADE")
            conn.execute("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")
            conn.execute(SAME)
            for statement in ODD.split(";\n"):
                conn.execute(statement)
    place.conn.execute("DROP SUBSCRIPTION odd_sub")


SAME = "SET search_path = public, extensions; SET \"DateStyle\" = 'ISO'; SET \"IntervalStyle\" = 'postgres'"
"""So that the same literals mean the same again, whatever the database has set."""
ODD = """
CREATE SCHEMA odd;
CREATE TABLE odd."a ""table" ("from" text, "Größe" money, at timestamptz, d date, i interval, f float8, b bytea, j json,
    r regclass);
INSERT INTO odd."a ""table" VALUES ('x', '12.50', '2026-11-22 03:04:05.678+00', '2026-11-22', '1 day 02:03', 0.1,
    '\\xdeadbeef', '{"b": 1,  "a": 2}', 'public.users'), (NULL, NULL, 'infinity', NULL, NULL, 'NaN', NULL, NULL, NULL);
CREATE TABLE odd.parent (a int, z int);
CREATE TABLE odd.child (b int) INHERITS (odd.parent);
ALTER TABLE odd.parent ADD COLUMN late text DEFAULT 'late';
INSERT INTO odd.parent VALUES (1, 2);
INSERT INTO odd.child VALUES (3, 4, 5);
CREATE TABLE odd.parts (k int) PARTITION BY LIST (k);
CREATE TABLE odd.part1 PARTITION OF odd.parts FOR VALUES IN (1);
INSERT INTO odd.parts VALUES (1);
CREATE TABLE odd.dropped (a int, b int, c int GENERATED ALWAYS AS (b * 2) STORED);
ALTER TABLE odd.dropped DROP COLUMN a;
INSERT INTO odd.dropped VALUES (1);
CREATE TABLE odd.none ();
INSERT INTO odd.none DEFAULT VALUES;
CREATE UNLOGGED TABLE odd.unlogged AS SELECT 1 AS id;
CREATE SEQUENCE odd.counter;
SELECT nextval('odd.counter'), nextval('odd.counter');
CREATE MATERIALIZED VIEW odd.seen AS SELECT count(*) FROM odd.parts;
INSERT INTO odd.parts VALUES (1);  -- it is stale now, and fresh in what is restored
CREATE PUBLICATION odd_all FOR TABLE odd.parts;
CREATE SUBSCRIPTION odd_sub CONNECTION 'dbname=nowhere' PUBLICATION odd_all WITH (connect = false, slot_name = NONE);
CREATE FUNCTION odd.noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO odd.none DEFAULT VALUES; END';
CREATE EVENT TRIGGER odd_noted ON ddl_command_end WHEN TAG IN ('COMMENT') EXECUTE FUNCTION odd.noted();
COMMENT ON EVENT TRIGGER odd_noted IS 'It writes a row.';
CREATE VIEW odd.looked AS SELECT * FROM odd.parts;
SELECT lo_from_bytea(0, decode(repeat('ab', 3000000), 'hex')), lo_from_bytea(0, '');
"""
CHANGES = {
    """UPDATE odd."a ""table" SET f = 0.10000000000000002 WHERE "from" = 'x'""": 'odd.a "table: 2 rows, and other',
    "UPDATE odd.child SET late = 'later'": "odd.child: 1 row, and other values",
    "INSERT INTO odd.parts VALUES (1)": "odd.part1: 3 rows, restored 2",
    "DELETE FROM odd.none": "odd.none: 0 rows, restored 1",
    "SELECT nextval('odd.counter')": "odd.counter: 1 row, and other values",
    "DROP MATERIALIZED VIEW odd.seen": "odd.seen is in the restored database only",
    "SELECT lo_put(oid, 2500000, '\\x00') FROM pg_largeobject_metadata ORDER BY oid LIMIT 1": "large objects: 2 rows",
    "CREATE TABLE odd.more ()": "odd.more is missing in the restored database",
    "ALTER TABLE odd.dropped ADD d int": "odd.dropped has other columns",
    "DROP TABLE odd.unlogged": "odd.unlogged is in the restored database only",
}
