"""Contact data in a clone is masked: nothing of it is left, and the shape of the data stays."""

import re

import psycopg
import pytest

import sql
from runbook.errors import CloneFailed
from runbook.rehearsing import cleaning, clone, masking, resting
from tests.databases import Database
from tests.rehearsal import STAGING, Stage

pytestmark = pytest.mark.pg("15", "18")

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


def addresses(database: Database) -> set[str]:
    """Return all e-mail addresses in a dump of the database."""
    dumped = database.program("pg_dump")
    assert dumped.returncode == 0, dumped.stderr
    return set(ADDRESS.findall(dumped.stdout.replace(r"\n", " ").replace("\\", " ")))


@pytest.mark.pg("18")
def test_an_address_that_is_left_stops_the_rehearsal(hard: Stage) -> None:
    """A generated column makes addresses of its own, out of what is no contact data."""
    with hard.production.connect() as conn:
        conn.execute("CREATE TABLE odd (who text, at text, whole text GENERATED ALWAYS AS (who || '@' || at) STORED)")
        conn.execute("INSERT INTO odd VALUES ('ada', 'example.org')")
    made = clone.make(hard.settings())
    with pytest.raises(CloneFailed, match=r"addresses are left in odd\.whole"):
        masking.mask(hard.settings(), made)
    cleaning.clean_up(hard.settings())
    assert hard.databases() == {STAGING: "the team's staging"}


@pytest.mark.pg("18")
def test_each_column_that_is_declared_is_there_before_or_after_the_transformation(
    database: Database, transformed: Database
) -> None:
    columns = "SELECT table_name || ',' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    there = {*database.column(columns), *transformed.column(columns)}
    declared = [line.rpartition(",")[0] for line in sql.read(masking.CONTACTS).splitlines()[1:]]
    assert [one for one in declared if one not in there] == []


def test_no_address_is_left_anywhere(hard: Stage) -> None:
    real = addresses(hard.production)
    assert len(real) > 50 and "list@example.org" in real
    hard.run()
    left = addresses(hard.staging)
    assert {one for one in left if not one.endswith("staging.invalid")} == set()
    assert hard.staging.value("SELECT to_regnamespace('rollback')") is None
    assert hard.staging.value("SELECT count(*) FROM pg_user_mappings") == 0
    assert hard.production.value("SELECT count(*) FROM pg_user_mappings") == 2
    with hard.staging.connect() as conn:
        assert conn.execute("SELECT facts ->> 'deep' FROM notes WHERE id = 1").fetchone()
        stats = conn.execute(
            "SELECT string_agg(most_common_vals::text || histogram_bounds::text, ' ') FROM pg_stats"
        ).fetchone()
    assert stats and "example.org" not in str(stats[0])


def test_what_was_unique_equal_or_empty_stays_so(hard: Stage) -> None:
    hard.run()
    shape = """
        SELECT count(*), count(DISTINCT email), (SELECT count(*) FROM users u JOIN end_users e USING (email)),
               (SELECT count(email) FROM end_users), (SELECT count(phone) FROM end_users),
               (SELECT count(name) FROM end_users),
               (SELECT count(DISTINCT (user_id, email_address)) FROM email_credentials),
               (SELECT count(DISTINCT (credential_id, email_id)) FROM email_knowledge),
               (SELECT sum(length(body_text)) FROM email_knowledge),
               (SELECT max(updated_at) FROM users)
          FROM users"""
    nulls = "SELECT count(password_hash), count(oauth_id), count(DISTINCT oauth_id), count(avatar_url) FROM users"
    with hard.production.connect() as real, hard.staging.connect() as conn:
        assert conn.execute(shape).fetchall() == real.execute(shape).fetchall()
        try:
            wanted = real.execute(nulls).fetchall()
        except psycopg.errors.UndefinedColumn:
            return
        assert conn.execute(nulls).fetchall() == wanted


def test_nobody_logs_in_with_what_worked_in_production(hard: Stage) -> None:
    hard.run()
    hashes = hard.production.column("SELECT DISTINCT password_hash FROM users WHERE password_hash IS NOT NULL")
    names = hard.production.column(
        "SELECT full_name FROM users UNION SELECT name FROM end_users WHERE name IS NOT NULL"
    )
    dumped = hard.staging.program("pg_dump").stdout
    assert [one for one in hashes + names if one in dumped] == []
    assert (
        hard.staging.value(
            "SELECT count(*) FROM email_credentials WHERE auto_sync_enabled OR imap_host LIKE '%example%'"
        )
        == 0
    )


@pytest.mark.pg("18")
def test_a_column_that_looks_like_contact_data_must_be_declared(hard: Stage) -> None:
    with hard.production.connect() as conn:
        conn.execute("CREATE TABLE newsletter (postal_address text)")
    made = clone.make(hard.settings())
    with pytest.raises(CloneFailed, match=r"newsletter\.postal_address") as caught:
        masking.mask(hard.settings(), made)
    assert "contacts.csv" in str(caught.value) and caught.value.state
    with pytest.raises(CloneFailed, match="not the masked clone"):
        resting.take_name(hard.settings(), made)
    assert hard.staging.value("SELECT id FROM was_here") == 1
    cleaning.clean_up(hard.settings())
    assert hard.databases() == {STAGING: "the team's staging"}
