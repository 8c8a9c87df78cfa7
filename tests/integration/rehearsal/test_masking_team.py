"""What a team adds to its tables is masked too: it stays unique, equal, and in the form that was declared."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.errors import CloneFailed
from runbook.rehearsing import cleaning, clone, masking
from tests import rehearsal
from tests.databases import Database
from tests.rehearsal import STAGING, Stage
from tests.servers import Server

pytestmark = pytest.mark.pg("15", "18")

PEOPLE = "SELECT g, 'p' || g || '@example.org' AS mail FROM generate_series(1, 30) g"
# What a team may have, all of it at once.
TEAM = rf"""
CREATE SCHEMA crm;
-- An address that is unique, and two columns that refer to it, one with a cascade.
CREATE TABLE crm.leads (email varchar(255) UNIQUE, backup_email text, CHECK (email ~ '^[^@]+@[^@]+\.[a-z]{{2,10}}$'));
INSERT INTO crm.leads SELECT mail, mail FROM ({PEOPLE}) p;
INSERT INTO crm.leads VALUES (NULL, NULL);
CREATE TABLE crm.visits (lead text REFERENCES crm.leads (email),
    by_lead text REFERENCES crm.leads (email) ON UPDATE CASCADE);
INSERT INTO crm.visits SELECT mail, mail FROM ({PEOPLE}) p;
COMMENT ON CONSTRAINT visits_lead_fkey ON crm.visits IS 'kept';
-- A key that refers to a declared column.
CREATE TABLE crm.owners (email varchar(255) REFERENCES public.users (email));
INSERT INTO crm.owners SELECT email FROM public.users;
-- A domain, letters of both kinds, one address for each domain.
CREATE DOMAIN crm.address AS varchar(60) CHECK (VALUE ~ '^[a-z0-9.]+@[a-z0-9.]+\.(com|org)$');
CREATE TABLE crm.strict (who crm.address UNIQUE, phone varchar(20) CHECK (phone ~ '^\+[1-9][0-9]{{6,14}}$') UNIQUE);
INSERT INTO crm.strict SELECT mail, '+4930' || 1000000 + g FROM ({PEOPLE}) p;
CREATE TABLE crm.firms (contact text);
CREATE UNIQUE INDEX ON crm.firms ((split_part(contact, '@', 2)));
INSERT INTO crm.firms SELECT 'info@firm' || g || '.org' FROM generate_series(1, 20) g;
CREATE UNIQUE INDEX ON crm.leads (lower(backup_email));
-- Too short for the usual mask; words beside the address.
CREATE TABLE crm.short (mail varchar(34) UNIQUE, words varchar(40));
INSERT INTO crm.short SELECT mail, 'write to ' || mail || ' or not' FROM ({PEOPLE}) p;
CREATE TABLE crm.calls (mobile_number text, fax bigint, phone_kind text);
INSERT INTO crm.calls SELECT '030 / 12345' || g, 4930123450 + g, 'work' FROM generate_series(10, 30) g;
-- Partitions by what is masked, and an heir of a declared table.
CREATE TABLE crm.inbox (mail text NOT NULL, at int, UNIQUE (mail)) PARTITION BY HASH (mail);
CREATE TABLE crm.inbox_0 PARTITION OF crm.inbox FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE crm.inbox_1 PARTITION OF crm.inbox FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO crm.inbox SELECT mail, g FROM ({PEOPLE}) p;
CREATE TABLE crm.vip (level int) INHERITS (public.end_users);
INSERT INTO crm.vip (email, name, phone) VALUES ('vip@example.org', 'Victoria Important', '+49 30 999');
-- Generated, searchable, and of a row's type.
CREATE TYPE crm.person AS (name text, mail text);
CREATE TABLE crm.cards (mail text, low text GENERATED ALWAYS AS (lower(mail)) STORED, search tsvector,
    card crm.person, cards crm.person[]);
INSERT INTO crm.cards (mail, search, card)
    SELECT mail, to_tsvector('simple', mail), ROW('x'::text, mail)::crm.person FROM ({PEOPLE}) p;
UPDATE crm.cards SET cards = ARRAY[card];
-- What would act on each row that is written, or hide it.
CREATE TABLE crm.log (line text);
CREATE RULE logged AS ON UPDATE TO crm.leads DO ALSO INSERT INTO crm.log VALUES ('rule saw ' || OLD.email);
CREATE RULE never AS ON UPDATE TO crm.calls DO INSTEAD NOTHING;
ALTER TABLE crm.short ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY;
CREATE POLICY nobody ON crm.short USING (false);
CREATE FUNCTION crm.heard() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN INSERT INTO crm.log VALUES ('trigger saw ' || OLD.mail); RETURN NEW; END $$;
CREATE TRIGGER heard BEFORE UPDATE ON crm.inbox FOR EACH ROW EXECUTE FUNCTION crm.heard();
ALTER TABLE crm.inbox_0 ENABLE ALWAYS TRIGGER heard;
CREATE PUBLICATION everything FOR ALL TABLES;
ALTER TABLE users ADD CONSTRAINT hash_length CHECK (length(password_hash) >= 50) NOT VALID;
SELECT lo_from_bytea(0, 'lo@example.org and more');
"""
STATE = """
SELECT string_agg(line, E'\n' ORDER BY line) FROM (
    SELECT format('%s %s %s', tgrelid::regclass, tgname, tgenabled) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT format('%s %s %s', ev_class::regclass, rulename, ev_enabled) FROM pg_rewrite
    UNION ALL SELECT format('%s %s %s', conrelid::regclass, conname, pg_get_constraintdef(oid))
                FROM pg_constraint WHERE contype = 'f'
    UNION ALL SELECT format('%s %s', oid::regclass, relforcerowsecurity) FROM pg_class WHERE relkind = 'r'
    UNION ALL SELECT format('%s %s %s', pubname, pubupdate, pubinsert) FROM pg_publication
    UNION ALL SELECT description FROM pg_description WHERE classoid = 'pg_constraint'::regclass) AS lines (line)
"""


@pytest.fixture
def team(database: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """A production with what a team has added, and staging on another server."""
    with database.connect() as conn:
        conn.execute(TEAM)
    with rehearsal.staged(database, other_server, tmp_path, monkeypatch) as made:
        yield made


def test_what_a_team_added_is_masked_and_stays_what_it_was(team: Stage) -> None:
    team.run()
    there, here = team.production, team.staging
    dumped = here.program("pg_dump", "--blobs").stdout
    for left in ("@example.org", "@firm", "Victoria", "49 30 999", "030 / 12345", "493012345"):
        assert left not in dumped, f"{left} is left: {[line for line in dumped.splitlines() if left in line][:3]}"
    shape = """
        SELECT (SELECT count(DISTINCT email) FROM crm.leads), (SELECT count(*) FROM crm.leads WHERE email IS NULL),
               (SELECT count(*) FROM crm.leads WHERE email = backup_email),
               (SELECT count(*) FROM crm.visits v JOIN crm.leads l ON l.email = v.lead AND v.by_lead = v.lead),
               (SELECT count(*) FROM crm.owners JOIN users USING (email)), (SELECT count(DISTINCT who) FROM crm.strict),
               (SELECT count(DISTINCT phone) FROM crm.strict),
               (SELECT count(*) FROM crm.strict s JOIN crm.leads l ON l.email = s.who),
               (SELECT count(DISTINCT split_part(contact, '@', 2)) FROM crm.firms),
               (SELECT count(*) FROM crm.short s JOIN crm.leads l ON l.email = s.mail),
               (SELECT count(*) FROM crm.inbox i JOIN crm.cards c ON c.mail = i.mail
                 WHERE low = lower(c.mail) AND (card).mail = c.mail AND (cards[1]).mail = c.mail),
               (SELECT count(DISTINCT fax) FROM crm.calls), (SELECT string_agg(DISTINCT phone_kind, '') FROM crm.calls),
               (SELECT count(*) FROM crm.log), (SELECT sum(length(lo_get(oid))) FROM pg_largeobject_metadata)"""
    with there.connect() as real, here.connect() as conn:
        assert conn.execute(shape).fetchall() == real.execute(shape).fetchall()
    assert here.value(STATE) == there.value(STATE)
    assert here.column("SELECT DISTINCT btrim(encode(lo_get(oid), 'escape')) FROM pg_largeobject_metadata") == [""]
    assert re.fullmatch(r"\+4900\d{7}", here.value("SELECT min(phone) FROM crm.strict"))
    assert here.value("SELECT bool_and(words LIKE 'write to u%@%.% or not' OR words ~ '^u[^ ]*@[^ ]*$') FROM crm.short")


@pytest.mark.pg("18")
@pytest.mark.parametrize(
    ("made", "said"),
    [
        (
            "CREATE TABLE t (email varchar(20)); INSERT INTO t VALUES ('a@b.de')",
            ["t.email", "20 characters", "contacts.csv"],
        ),
        (
            "CREATE TABLE t (email text CONSTRAINT ours CHECK (email LIKE '%@acme.com'));"
            "INSERT INTO t VALUES ('a@acme.com')",
            ["t.email", "ours", "contacts.csv"],
        ),
        (
            "CREATE TABLE t (email text) PARTITION BY RANGE (email);"
            "CREATE TABLE t_1 PARTITION OF t FOR VALUES FROM ('a') TO ('c'); INSERT INTO t VALUES ('a@acme.com')",
            ["t", "no partition of relation", "contacts.csv"],
        ),
        ("CREATE TABLE t (iban text)", ["t.iban", "contacts.csv"]),
    ],
)
def test_what_cannot_be_masked_is_named_with_its_remedy_and_staging_is_as_it_was(
    stage: Stage, made: str, said: list[str]
) -> None:
    with stage.production.connect() as conn:
        conn.execute(made)
    cloned = clone.make(stage.settings())
    with pytest.raises(CloneFailed) as caught:
        masking.mask(stage.settings(), cloned)
    assert [word for word in said if word not in str(caught.value)] == [], str(caught.value)
    cleaning.clean_up(stage.settings())
    assert stage.databases() == {STAGING: rehearsal.MARKED}


@pytest.mark.pg("15")  # the one server here with citext and ICU
def test_what_is_equal_but_for_its_letters_case_stays_equal(stage: Stage) -> None:
    with stage.production.connect() as conn:
        conn.execute("""
            CREATE EXTENSION citext;
            CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
            CREATE TABLE wide (mail citext UNIQUE, other text COLLATE nocase UNIQUE, list varchar(30)[]);
            CREATE TABLE narrow (mail citext REFERENCES wide (mail), other text COLLATE nocase REFERENCES wide (other));
            INSERT INTO wide VALUES ('Ada@x.org', 'Ada@x.org', '{a@example.org,words}');
            INSERT INTO narrow VALUES ('ada@X.org', 'ADA@x.org')""")
    stage.run()
    joined = "SELECT count(*) FROM wide w JOIN narrow n ON n.mail = w.mail AND n.other = w.other AND w.mail = w.other"
    assert stage.staging.value(joined) == 1
    assert stage.staging.value("SELECT list[1] LIKE '%@staging.invalid' AND list[2] = 'words' FROM wide")
