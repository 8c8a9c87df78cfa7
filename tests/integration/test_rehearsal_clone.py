"""Production cloned to staging, each way: really dumped, really restored, on two servers and on one."""

import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

import sql
from runbook.errors import CloneFailed
from runbook.rehearsing import cleaning, clone, masking, resting
from tests import rehearsal
from tests.databases import Database
from tests.rehearsal import STAGING, Stage
from tests.servers import Server

pytestmark = pytest.mark.pg("15", "18")

ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
CHANGED = {
    "users",
    "subscriptions",
    "end_users",
    "email_credentials",
    "email_knowledge",
    "digital_twins",
    "knowledge_bases",
}
"""Tables with columns that are masked."""
WAYS = ("file", "stream", "dump", "template")


@pytest.fixture(params=["baseline", "transformed"])
def production(request: pytest.FixtureRequest) -> Database:
    name = "database" if request.param == "baseline" else "transformed"
    found: Database = request.getfixturevalue(name)
    with found.connect() as conn:
        conn.execute(HARD)
    return found


@pytest.fixture
def stage(
    production: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    with rehearsal.staged(production, other_server, tmp_path, monkeypatch) as made:
        yield made


# Addresses where nobody expects them, and what a clone must not take along.
HARD = r"""
CREATE SCHEMA rollback;
CREATE TABLE rollback.run (id int);
CREATE TABLE rollback.archive AS SELECT 'kept@example.org' AS who;
CREATE TABLE public.notes (id int PRIMARY KEY, words text, tags text[], facts jsonb, made timestamp);
INSERT INTO public.notes VALUES
    (1, 'Write to Ada.Weiss+work@mail.example.org, or <bela@example.org>.', '{a,list@example.org}',
     '{"deep": ["x\\nada@example.org", "back\\\\nslash@example.org", "\u00e9lodie@example.org"],
       "n@example.org": 1}', now()),
    (2, 'no address', '{}', '{}', now()), (3, NULL, NULL, NULL, NULL);
CREATE MATERIALIZED VIEW public.mails AS SELECT email FROM public.users;
CREATE FUNCTION public.shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger fired'; END $$;
CREATE TRIGGER shout BEFORE UPDATE ON public.end_users FOR EACH ROW EXECUTE FUNCTION public.shout();
CREATE TRIGGER still BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.shout();
CREATE TRIGGER off BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.shout();
CREATE TRIGGER copying BEFORE UPDATE ON public.notes FOR EACH ROW EXECUTE FUNCTION public.shout();
ALTER TABLE public.notes DISABLE TRIGGER off;
ALTER TABLE public.notes ENABLE REPLICA TRIGGER copying;
ALTER TABLE public.notes ENABLE ALWAYS TRIGGER still;
CREATE FOREIGN DATA WRAPPER far;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER far;
CREATE USER MAPPING FOR CURRENT_USER SERVER elsewhere OPTIONS (password 'hunter2');
CREATE USER MAPPING FOR PUBLIC SERVER elsewhere;
CREATE FUNCTION public.loud() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN IF current_database() LIKE '%incoming' AND NOT pg_catalog.current_setting('application_name') LIKE '%rehearsal'
      THEN RAISE EXCEPTION 'an event trigger fired'; END IF; END $$;
CREATE EVENT TRIGGER loud ON ddl_command_end EXECUTE FUNCTION public.loud();
"""


ENABLED = """
SELECT tgname::text, tgenabled::text FROM pg_trigger WHERE NOT tgisinternal
 UNION SELECT evtname::text, evtenabled::text FROM pg_event_trigger ORDER BY 1
"""
NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())"
"""The next transaction that writes."""


def addresses(database: Database) -> set[str]:
    """Return all e-mail addresses in a dump of the database."""
    dumped = database.program("pg_dump")
    assert dumped.returncode == 0, dumped.stderr
    return set(ADDRESS.findall(dumped.stdout.replace(r"\n", " ").replace("\\", " ")))


def enabled(database: Database) -> list[tuple[str, str]]:
    with database.connect() as conn:
        return conn.execute(ENABLED).fetchall()


def given(stage: Stage, way: str) -> dict[str, object]:
    """Return the settings of a way; of a dump without production's address, which is thus not even asked."""
    if way != "dump":
        return {"rehearsal_way": way}
    path = stage.folder / "production.dump"
    assert stage.production.program("pg_dump", "-Fc", "-f", str(path)).returncode == 0
    return {"rehearsal_dump": path, "rehearsal_source": None}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("production", "other_server")
def test_the_clone_holds_what_production_holds_but_for_contacts(
    way: str, server: Server, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    production: Database = request.getfixturevalue("production")
    where: Server = server if way == "template" else request.getfixturevalue("other_server")
    with rehearsal.staged(production, where, tmp_path, monkeypatch) as stage:
        whole(stage, way)


def whole(stage: Stage, way: str) -> None:
    """Clone, mask, take the name and clean up, and look at both databases in between."""
    before = stage.production.checksums()
    settings = stage.settings(**given(stage, way))
    xid = stage.production.value(NEXT)
    seen: list[tuple[str, int, int]] = []
    made = clone.make(settings, lambda *said: seen.append(said))
    if way != "template":
        assert stage.production.value(NEXT) == xid, "something was written on production's server"
        assert {step for step, _, _ in seen} == ({"dump", "restore"} if way == "file" else {"restore"})
    assert made.way == way and made.source == stage.production.dbname and made.bytes > 1_000_000 and made.why
    masked = masking.mask(settings, made)
    assert masked.rows > 40 and masked.tables >= 5
    rested = resting.take_name(settings, made)

    assert rested.resting == f"{STAGING}_resting"
    after = stage.staging.checksums()
    assert {name: rows for name, (rows, _) in after.items()} == {name: rows for name, (rows, _) in before.items()}
    assert {name for name in after if after[name] != before[name]} <= CHANGED | {"notes"}
    assert "users" in {name for name in after if after[name] != before[name]}
    assert stage.production.checksums() == before
    assert enabled(stage.staging) == enabled(stage.production)
    assert list((stage.folder / "backups").glob("*")) == [] if way != "dump" else True

    cleaned = cleaning.clean_up(settings)
    assert cleaned.dropped == [f"{STAGING}_incoming"] and cleaned.returned == STAGING
    assert stage.databases() == {STAGING: "the team's staging"}
    assert stage.staging.value("SELECT id FROM was_here") == 1
    again = cleaning.clean_up(settings)
    assert (again.dropped, again.removed, again.returned) == ([], [], "")


@pytest.mark.pg("18")
def test_an_address_that_is_left_stops_the_rehearsal(stage: Stage) -> None:
    """A generated column makes addresses of its own, out of what is no contact data."""
    with stage.production.connect() as conn:
        conn.execute("CREATE TABLE odd (who text, at text, whole text GENERATED ALWAYS AS (who || '@' || at) STORED)")
        conn.execute("INSERT INTO odd VALUES ('ada', 'example.org')")
    made = clone.make(stage.settings())
    with pytest.raises(CloneFailed, match=r"addresses are left in odd\.whole"):
        masking.mask(stage.settings(), made)
    cleaning.clean_up(stage.settings())
    assert stage.databases() == {STAGING: "the team's staging"}


@pytest.mark.pg("18")
def test_each_column_that_is_declared_is_there_before_or_after_the_transformation(
    database: Database, transformed: Database
) -> None:
    columns = "SELECT table_name || ',' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
    there = {*database.column(columns), *transformed.column(columns)}
    declared = [line.rpartition(",")[0] for line in sql.read(masking.CONTACTS).splitlines()[1:]]
    assert [one for one in declared if one not in there] == []


def test_no_address_is_left_anywhere(stage: Stage) -> None:
    real = addresses(stage.production)
    assert len(real) > 50 and "list@example.org" in real
    stage.run()
    left = addresses(stage.staging)
    assert {one for one in left if not one.endswith("staging.invalid")} == set()
    assert stage.staging.value("SELECT to_regnamespace('rollback')") is None
    assert stage.staging.value("SELECT count(*) FROM pg_user_mappings") == 0
    assert stage.production.value("SELECT count(*) FROM pg_user_mappings") == 2
    with stage.staging.connect() as conn:
        assert conn.execute("SELECT facts ->> 'deep' FROM notes WHERE id = 1").fetchone()
        stats = conn.execute(
            "SELECT string_agg(most_common_vals::text || histogram_bounds::text, ' ') FROM pg_stats"
        ).fetchone()
    assert stats and "example.org" not in str(stats[0])


@pytest.mark.pg("18")
def test_a_role_that_is_no_superuser_clones_to_a_staging_of_its_own(
    database: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(database, other_server, tmp_path, monkeypatch) as stage:
        with other_server.connect() as admin:
            admin.execute("DROP ROLE IF EXISTS staging_user")
            admin.execute("CREATE ROLE staging_user LOGIN CREATEDB")
            admin.execute(f"ALTER DATABASE {STAGING} OWNER TO staging_user")
            admin.execute(f"GRANT CONNECT ON DATABASE {STAGING} TO pg_monitor")
            admin.execute(f"ALTER DATABASE {STAGING} SET work_mem = '7MB'")
        monkeypatch.setenv("PGUSER", "staging_user")
        kept = """
            SELECT (SELECT array_agg(a::text ORDER BY a::text) FROM unnest(datacl) a),
                   datdba::regrole::text, datconnlimit
              FROM pg_database WHERE datname = current_database()"""
        with stage.staging.connect() as conn:
            before = conn.execute(kept).fetchone()
        with pytest.raises(CloneFailed, match="create extension") as caught:
            clone.make(stage.settings())
        assert "trusted" in caught.value.remedy
        with database.connect() as conn:
            conn.execute("SET client_min_messages = 'error'")
            conn.execute("DROP EXTENSION vector CASCADE")
        stage.run()
        with stage.staging.connect() as conn:
            assert conn.execute(kept).fetchone() == before
            assert conn.execute("SHOW work_mem").fetchone() == ("7MB",)
            assert conn.execute("SELECT count(*) > 10 FROM users").fetchone() == (True,)
        cleaning.clean_up(stage.settings())
        assert stage.staging.value("SELECT id FROM was_here") == 1


def test_one_server_may_hold_both(
    database: Database, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with rehearsal.staged(database, server, tmp_path, monkeypatch) as stage, database.connect() as user:
        before = database.checksums()
        stage.run(rehearsal_way="stream")
        assert user.execute("SELECT 1").fetchone() == (1,)
        assert database.checksums() == before
        cleaning.clean_up(stage.settings())


def test_what_was_unique_equal_or_empty_stays_so(stage: Stage) -> None:
    stage.run()
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
    with stage.production.connect() as real, stage.staging.connect() as conn:
        assert conn.execute(shape).fetchall() == real.execute(shape).fetchall()
        try:
            wanted = real.execute(nulls).fetchall()
        except psycopg.errors.UndefinedColumn:
            return
        assert conn.execute(nulls).fetchall() == wanted


def test_nobody_logs_in_with_what_worked_in_production(stage: Stage) -> None:
    stage.run()
    hashes = stage.production.column("SELECT DISTINCT password_hash FROM users WHERE password_hash IS NOT NULL")
    names = stage.production.column(
        "SELECT full_name FROM users UNION SELECT name FROM end_users WHERE name IS NOT NULL"
    )
    dumped = stage.staging.program("pg_dump").stdout
    assert [one for one in hashes + names if one in dumped] == []
    assert (
        stage.staging.value(
            "SELECT count(*) FROM email_credentials WHERE auto_sync_enabled OR imap_host LIKE '%example%'"
        )
        == 0
    )


@pytest.mark.pg("18")
def test_a_column_that_looks_like_contact_data_must_be_declared(stage: Stage) -> None:
    with stage.production.connect() as conn:
        conn.execute("CREATE TABLE newsletter (backup_email text)")
    made = clone.make(stage.settings())
    with pytest.raises(CloneFailed, match=r"newsletter\.backup_email") as caught:
        masking.mask(stage.settings(), made)
    assert "contacts.csv" in str(caught.value) and caught.value.state
    with pytest.raises(CloneFailed, match="not the masked clone"):
        resting.take_name(stage.settings(), made)
    assert stage.staging.value("SELECT id FROM was_here") == 1
    cleaning.clean_up(stage.settings())
    assert stage.databases() == {STAGING: "the team's staging"}
