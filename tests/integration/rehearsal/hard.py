"""A production with all that makes cloning and masking hard, and staging beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import rehearsal
from tests.databases import Database
from tests.rehearsal import Stage
from tests.servers import Server

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


@pytest.fixture(params=["baseline", "transformed"])
def production(request: pytest.FixtureRequest) -> Database:
    """A production with all that makes cloning and masking hard, before and after the transformation."""
    name = "database" if request.param == "baseline" else "transformed"
    found: Database = request.getfixturevalue(name)
    with found.connect() as conn:
        conn.execute(HARD)
    return found


@pytest.fixture
def hard(
    production: Database, other_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stage]:
    """That production, and staging on another server."""
    with rehearsal.staged(production, other_server, tmp_path, monkeypatch) as made:
        yield made
