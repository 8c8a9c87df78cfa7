"""The trial: what would fail behind the fence fails in the plan, on a copy of the schema that is gone afterwards."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from runbook import database, settings
from runbook.errors import LockNotAvailable
from runbook.outlook import Trial
from runbook.planning import plan, plandata, planpage, recheck
from runbook.planning.trial import schema_copy, trial
from runbook.schema import catalogue
from tests import releases
from tests.databases import Database
from tests.integration.planning.plans import asked, drawn
from tests.waiting import until

SCRATCH = "SELECT datname FROM pg_database WHERE datname ~ '^rollback_(trial|proof)_'"


@dataclass(frozen=True)
class Case:
    """Something that a team added, and the words of the blocker that it becomes."""

    name: str
    added: str
    words: tuple[str, ...]


CASES = [
    Case(
        "an event trigger that forbids drops",
        """CREATE FUNCTION no_drops() RETURNS event_trigger LANGUAGE plpgsql AS
           $$BEGIN RAISE EXCEPTION 'drops are forbidden on Fridays'; END$$;
           CREATE EVENT TRIGGER no_drops ON sql_drop EXECUTE FUNCTION no_drops()""",
        ("'012 rollback oauth' fails", "drops are forbidden on Fridays", "raised in function no_drops()", "disable it"),
    ),
    Case(
        "a trigger for each statement that refuses changes of passwords",
        """CREATE SCHEMA crm; CREATE FUNCTION crm.frozen() RETURNS trigger LANGUAGE plpgsql AS
           $$BEGIN RAISE EXCEPTION 'passwords are frozen'; END$$;
           CREATE TRIGGER frozen BEFORE UPDATE ON users FOR EACH STATEMENT EXECUTE FUNCTION crm.frozen()""",
        ("'handle OAuth users' fails", "passwords are frozen", "raised in function crm.frozen()"),
    ),
    Case(
        "a column of the row's type",
        "CREATE TABLE team_rows (kb knowledge_bases)",
        ("column kb of table team_rows", "whole rows of knowledge_bases"),
    ),
    Case("a label of the team's", "ALTER TYPE user_role ADD VALUE 'support'", ("user_role", "support")),
    Case(
        "a trigger at the commit",
        """CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'too late'; END$$;
           CREATE TABLE seen (tag text);
           CREATE CONSTRAINT TRIGGER late AFTER INSERT ON seen DEFERRABLE INITIALLY DEFERRED
               FOR EACH ROW EXECUTE FUNCTION late();
           CREATE FUNCTION see() RETURNS event_trigger LANGUAGE plpgsql AS
           $$BEGIN INSERT INTO public.seen VALUES (tg_tag); END$$;
           CREATE EVENT TRIGGER see ON ddl_command_end EXECUTE FUNCTION see()""",
        ("'commit' fails", "too late", "raised in function late()"),
    ),
    Case(
        "the address of a user is no column any more",
        "ALTER TABLE users RENAME COLUMN email TO login; ALTER TABLE users ADD mails text[]",
        ("email",),
    ),
]


@pytest.mark.pg("15", "18")
def test_the_demo_goes_through_and_says_so(aimed: Database) -> None:
    before = aimed.checksums()
    found = drawn()
    came = tried(found)
    assert not came.not_tried and not came.failures and not came.left_out
    assert not [line for line in found.blockers if "copy of this schema" in line]
    page = planpage.plan_markdown(found, asked(), found.drawn_at)
    assert f"Trial: Tried on a copy of the schema in {came.seconds:.1f} s: all of it went through." in page
    assert aimed.checksums() == before
    assert aimed.column(SCRATCH) == []


@pytest.mark.pg("18")
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_fails_is_a_blocker(aimed: Database, case: Case) -> None:
    with aimed.connect() as conn:
        conn.execute(case.added)
    found = drawn()
    assert tried(found).failures or tried(found).known
    assert any(all(word in line for word in case.words) for line in found.blockers), found.blockers
    assert not plandata.go_ahead(found)
    assert aimed.column(SCRATCH) == []


@pytest.mark.pg("18")
def test_what_the_catalogue_names_is_not_said_twice(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("CREATE VIEW shared AS SELECT id FROM knowledge_bases WHERE is_public")
    found = drawn()
    assert len([line for line in found.blockers if "shared" in line]) == 1


@pytest.mark.pg("18")
def test_every_script_is_tried_though_one_fails(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("CREATE TABLE kept (kb knowledge_bases); ALTER TYPE user_role ADD VALUE 'support'")
    said = " ".join(drawn().blockers)
    assert "table kept" in said
    assert "support" in said


@pytest.mark.pg("18")
def test_it_gives_way_to_who_holds_a_table(aimed: Database) -> None:
    found = drawn()
    with closing(database.connect()) as conn, aimed.connect(autocommit=False) as other:
        facts = catalogue.read(conn)
        other.execute("SET application_name = 'nightly vacuum'; LOCK TABLE analytics_events IN ACCESS EXCLUSIVE MODE")
        given_way = trial.run(conn, found, facts, settings.load())
    assert given_way is not None
    assert "a table was held exclusively. Held by: nightly vacuum (" in given_way.not_tried
    assert given_way.seconds < 10  # and not as long as the other likes
    assert "is not known until they run" in trial.warnings(given_way)[0]
    assert aimed.column(SCRATCH) == []


@pytest.mark.pg("18")
def test_who_keeps_the_plan_from_reading_is_named(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "LOCK_SECONDS", 1)
    with aimed.connect(autocommit=False) as other:
        other.execute("SET application_name = 'nightly vacuum'; LOCK TABLE analytics_events IN ACCESS EXCLUSIVE MODE")
        with pytest.raises(LockNotAvailable, match=r"Held by: nightly vacuum .* on analytics_events"):
            drawn()


@pytest.mark.pg("18")
@pytest.mark.parametrize(("seconds", "why"), [("0", "ROLLBACK_TRIAL_SECONDS is 0"), ("0.01", "within 0.01 s")])
def test_its_time_is_limited(aimed: Database, monkeypatch: pytest.MonkeyPatch, seconds: str, why: str) -> None:
    monkeypatch.setenv("ROLLBACK_TRIAL_SECONDS", seconds)
    found = drawn()
    assert why in tried(found).not_tried
    assert aimed.column(SCRATCH) == []
    monkeypatch.setenv("ROLLBACK_TRIAL_SECONDS", "60")
    assert drawn().hash != found.hash  # who approves a plan that was not tried approves another one


@pytest.mark.pg("18")
def test_a_database_at_its_baseline_is_not_tried(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests import runbook_runs

    runbook_runs.aim(monkeypatch, database, tmp_path)
    assert drawn().trial is None


@pytest.mark.pg("18")
def test_the_way_back_is_tried_with_its_names_and_settings(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute(f"ALTER DATABASE {aimed.dbname} SET work_mem = '5MB'")
        conn.execute(f"COMMENT ON DATABASE {aimed.dbname} IS 'it''s ours'")
    assert drawn(backup="snapshot").trial is not None
    found = drawn(backup="snapshot")
    assert not tried(found).failures, tried(found).failures
    with closing(psycopg.connect(aimed.conninfo, autocommit=True)) as conn:
        text = "ALTER DATABASE x RENAME TO"
        assert "syntax error" in database.parse_error(conn, text)


@pytest.mark.pg("18")
def test_the_same_schema_is_tried_once(aimed: Database) -> None:
    approved = drawn()
    with closing(database.connect()) as conn:
        again = plan.draw(conn, asked(), settings.load(), [conn.info.backend_pid], approved.trial)
        assert again.trial is approved.trial
        conn.execute("CREATE TABLE team_rows (kb knowledge_bases)")
        changed = plan.draw(conn, asked(), settings.load(), [conn.info.backend_pid], approved.trial)
        assert changed.trial is not approved.trial
        assert any("team_rows" in line for line in recheck.changed(approved, changed))


class TestOtherRole:
    """A role that is no superuser tries as far as it may, and says what keeps it."""

    @pytest.fixture
    def place(self, aimed: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[psycopg.Connection[Any]]:
        with aimed.connect() as admin:
            owner = admin.info.user
            admin.execute("CREATE ROLE trier LOGIN; GRANT pg_read_all_data TO trier")
            monkeypatch.setenv("PGUSER", "trier")
            yield admin
            admin.execute(f"ALTER DATABASE {aimed.dbname} OWNER TO {owner}; DROP OWNED BY trier")
            if "trial_template" in aimed.column("SELECT datname FROM pg_database"):
                admin.execute("ALTER DATABASE trial_template IS_TEMPLATE false")
                admin.execute("DROP DATABASE trial_template")
            admin.execute("DROP ROLE trier")

    @pytest.mark.pg("18")
    def test_without_createdb_it_says_what_to_grant(self, aimed: Database, place: psycopg.Connection[Any]) -> None:
        why = tried(drawn()).not_tried
        assert "permission denied to create database" in why
        assert "ALTER ROLE trier CREATEDB" in why

    @pytest.mark.pg("18")
    def test_an_extension_comes_by_a_template(
        self, aimed: Database, place: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        place.execute("ALTER ROLE trier CREATEDB")
        why = tried(drawn()).not_tried
        assert "ROLLBACK_TRIAL_TEMPLATE" in why
        assert "vector" in why
        place.execute("CREATE DATABASE trial_template")
        with aimed.server.connect("trial_template") as template:
            template.execute("CREATE EXTENSION vector")
        place.execute("ALTER DATABASE trial_template IS_TEMPLATE true ALLOW_CONNECTIONS false")
        monkeypatch.setenv("ROLLBACK_TRIAL_TEMPLATE", "trial_template")
        assert not tried(drawn()).not_tried


@pytest.mark.pg("18")
def test_what_a_killed_trial_left_goes_with_the_next(aimed: Database) -> None:
    # The function is called by the scripts' first change, and keeps the trial busy until it is killed.
    with aimed.connect() as conn:
        conn.execute(
            """CREATE FUNCTION slow() RETURNS event_trigger LANGUAGE plpgsql AS $$BEGIN
                   IF current_database() ~ 'trial' THEN PERFORM pg_sleep(20); END IF; END$$;
               CREATE EVENT TRIGGER slow ON ddl_command_start EXECUTE FUNCTION slow()"""
        )
    running = subprocess.Popen([Path(sys.executable).parent / "rollback", "plan"], stdout=subprocess.DEVNULL)
    until(
        lambda: bool(aimed.column(f"{SCRATCH} AND EXISTS (SELECT FROM pg_stat_activity WHERE wait_event = 'PgSleep')"))
    )
    running.kill()
    running.wait()
    with aimed.connect() as conn:
        conn.execute("DROP EVENT TRIGGER slow")
        conn.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname ~ 'rollback_trial'")
    drawn()
    assert aimed.column(SCRATCH) == []


@pytest.mark.pg("18")
def test_what_the_release_asks_is_tried_before_anything_stops(
    aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = releases.settings(tmp_path, monkeypatch)
    releases.log(tmp_path, monkeypatch)
    git = releases.tree(given)
    folder = given.project_dir
    assert folder is not None
    (folder / "asked.sql").write_text("SELECT profession FROM digital_twins;\nSELECT star_sign FROM users;\n")
    git("add", ".")
    git("commit", "-qm", "Say what is asked")
    git("tag", "v1.1")
    (folder / "release").write_text("3\n")
    git("commit", "-qam", "Go on")
    for name, value in {
        "PROJECT_DIR": str(folder),
        "COMPOSE": " ".join(given.compose),
        "DOCKER": "true",
        "RELEASE_QUERIES": "asked.sql",
    }.items():
        monkeypatch.setenv(f"ROLLBACK_{name}", value)
    found = drawn(previous_tag="v1.1")
    [line] = [line for line in found.blockers if "restore release" in line]
    assert "star_sign" in line
    assert "line 2" in line


def tried(found: Any) -> Trial:
    assert isinstance(found.trial, Trial)
    return found.trial


HARMLESS = {
    "a key from users to elsewhere": """CREATE TABLE orgs (id serial PRIMARY KEY);
        INSERT INTO orgs SELECT FROM generate_series(1, 200); ALTER TABLE users ADD org int REFERENCES orgs;
        UPDATE users SET org = (SELECT id FROM orgs ORDER BY md5(users.id::text || orgs.id) LIMIT 1)""",
    "a key from users to users": """ALTER TABLE users ADD manager uuid REFERENCES users;
        UPDATE users SET manager = (SELECT id FROM users WHERE password_hash IS NOT NULL ORDER BY id DESC LIMIT 1)""",
    "a rollback of 010 that stopped half way": "ALTER TABLE knowledge_bases ADD profession varchar(255)",
    "partitions by a label's hash": """CREATE TABLE hp (r user_role) PARTITION BY HASH (r);
        CREATE TABLE hp0 PARTITION OF hp FOR VALUES WITH (MODULUS 1, REMAINDER 0)""",
}


@pytest.mark.pg("18")
@pytest.mark.parametrize("name", HARMLESS)
def test_rows_that_refer_elsewhere_are_no_obstacle(aimed: Database, name: str) -> None:
    with aimed.connect() as conn:
        conn.execute(HARMLESS[name])
    found = drawn()
    assert not tried(found).failures
    assert plandata.go_ahead(found), found.blockers


@pytest.mark.pg("18")
def test_an_index_that_tells_rows_apart_for_subscribers_is_named(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute(
            """ALTER TABLE knowledge_bases ALTER share_url SET NOT NULL,
                   REPLICA IDENTITY USING INDEX knowledge_bases_share_url_key"""
        )
    assert any("share_url_key" in line and "REPLICA IDENTITY" in line for line in drawn().blockers)


@pytest.mark.pg("18")
def test_the_sentence_counts_what_the_catalogue_named(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("CREATE VIEW v_all AS SELECT * FROM knowledge_bases")
    assert "went through" not in trial.sentence(tried(drawn()))


@pytest.mark.pg("18")
def test_a_check_that_the_rows_meet_is_said_once(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("ALTER TABLE users ADD CONSTRAINT hash_length CHECK (length(password_hash) >= 50) NOT VALID")
    found = drawn()
    assert len([line for line in found.blockers if "hash_length" in line]) == 1
    assert "went through" not in trial.sentence(tried(found))


@pytest.mark.pg("18")
def test_what_goes_with_a_column_is_named_with_its_grants(aimed: Database) -> None:
    with aimed.connect() as conn:
        conn.execute("GRANT SELECT (oauth_id) ON users TO pg_monitor; CREATE TYPE user_role_new AS ENUM ('a', 'b')")
    said = " ".join(drawn().warnings)
    assert "grant users.oauth_id" in said
    assert "user_role_new" in said


@pytest.mark.pg("18")
def test_a_nearly_full_disk_is_left_alone(aimed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(schema_copy, "ROOM", 10**18)
    assert "a scratch database with its log wants" in tried(drawn()).not_tried


@pytest.mark.pg("18")
def test_the_folder_of_a_killed_trial_goes_with_the_next(
    aimed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    dead = subprocess.Popen(["true"])
    dead.wait()
    (tmp_path / f"rollback-trial-{dead.pid}-x").mkdir()
    assert not tried(drawn()).not_tried
    assert not list(tmp_path.glob("rollback-trial-*"))
