"""The scratch database of a proof: whatever ends the proof, none is left, and nobody else comes in."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from runbook import database
from runbook.safekeeping import proof, scratch
from tests import proofs, waiting
from tests.databases import Database
from tests.proofs import ONE, Place


@pytest.fixture
def place(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    with proofs.place(transformed, tmp_path, monkeypatch) as at:
        yield at


@ONE
def test_an_interrupted_proof_leaves_nothing(place: Place) -> None:
    taken = place.take()

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.prove(taken, on_compared=interrupt)
    running = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'rollback-proof'"
    assert place.scratches() == [] and place.maintenance.execute(running).fetchone() == (0,)


@ONE
def test_a_proof_that_is_interrupted_while_it_restores_leaves_nothing(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proof, "PROGRESS_SECONDS", 0.1)
    place.conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g")
    taken = place.take()
    seen: list[list[str]] = []

    def interrupt(_: float) -> None:
        seen.append(place.scratches())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        place.prove(taken, on_restoring=interrupt)
    assert seen == [[scratch.named(place.database.dbname)]] and place.scratches() == []


@ONE
def test_what_a_killed_proof_left_is_removed_by_the_next(place: Place) -> None:
    taken = place.take()
    for name, comment in (("rollback_proof_of_gone", scratch.COMMENT), (scratch.named(place.database.dbname), None)):
        place.maintenance.execute(f"CREATE DATABASE {name}")
        if comment:
            place.maintenance.execute(f"COMMENT ON DATABASE {name} IS '{comment}'")
    place.prove(taken)
    assert place.scratches() == []


@ONE
def test_a_living_proof_is_left_alone(place: Place) -> None:
    taken = place.take()
    with database.connect("postgres") as other, scratch.opened(other, place.database.dbname) as name:
        proofs.refused(place, taken, "Another proof of", "is at work")
        with database.connect("postgres") as third:
            scratch.sweep(third)
        assert place.scratches() == [name]


@ONE
def test_a_database_of_somebody_elses_is_not_dropped(place: Place) -> None:
    taken, name = place.take(), scratch.named(place.database.dbname)
    place.maintenance.execute(f"CREATE DATABASE {name} TEMPLATE template0")
    with database.connect(name) as conn:
        conn.execute("CREATE TABLE theirs ()")
    proofs.refused(place, taken, f"There is a database {name}", "public.theirs")
    assert place.scratches() == [name]
    place.maintenance.execute(f"DROP DATABASE {name}")


@ONE
def test_nobody_else_may_come_in(place: Place) -> None:
    place.maintenance.execute("CREATE ROLE stranger LOGIN")
    try:
        with (
            scratch.opened(place.maintenance, place.database.dbname) as name,
            pytest.raises(psycopg.OperationalError, match="permission denied for database"),
        ):
            psycopg.connect(dbname=name, user="stranger")
    finally:
        place.maintenance.execute("DROP ROLE stranger")


KILLED = """
import sys
from runbook import database
from runbook.safekeeping import proof
from runbook.safekeeping.kept import Backup
from runbook.settings import Settings
with database.connect("postgres") as maintenance:
    proof.PROGRESS_SECONDS = 0.05
    proof.prove(Settings(), maintenance, Backup(sys.argv[1], 0, "", 0, 0), sys.argv[2],
                on_restoring=lambda _: print("restoring", flush=True))
"""


@ONE
def test_a_proof_that_was_killed_is_cleared_away_by_the_next(place: Place) -> None:
    place.conn.execute("CREATE TABLE long AS SELECT g, sha512(g::text::bytea) FROM generate_series(1, 400000) g")
    taken = place.take()
    words = [sys.executable, "-c", KILLED, taken.path, place.database.dbname]
    env = os.environ | {"ROLLBACK_PG_BIN": str(place.database.server.folder)}
    with subprocess.Popen(words, env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout and process.stdout.readline() == "restoring\n"
        process.kill()
    assert place.scratches() == [scratch.named(place.database.dbname)]
    waiting.until(lambda: _is_free(place))
    assert place.prove(taken).tables > 20


def _is_free(place: Place) -> bool:
    """Return whether the server has noticed that the killed proof is gone."""
    row = place.maintenance.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'").fetchone()
    return row == (0,)
