"""A role that lacks rights: all that is missing is listed with what mends it, and a superuser is not needed."""

import json
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.acceptance.operator import REQUEST, answer, at_baseline, desk, terminal
from tests.acceptance.prefects import Prefect
from tests.acceptance.wrong import DONE, do, role, text
from tests.databases import Database

pytestmark = pytest.mark.pg("18")


def test_missing_rights_are_listed_and_mended_and_the_whole_rollback_runs_without_a_superuser(
    transformed: Database, prefect_api: Prefect, tmp_path: Path
) -> None:
    with role(transformed) as name, role(transformed) as app:
        _give_to(transformed, app)
        env = {**prefect_api.env, "PGUSER": name}
        at = desk(transformed, tmp_path, **env)
        straggler = psycopg.connect(transformed.conninfo, user=app, application_name="realtime-service")
        with closing(straggler):
            shown = json.loads(at.rollback("plan", *REQUEST, "--json").stdout)
            missing = [line for line in shown["blockers"] if line.startswith("Missing right")]
            assert missing and not shown["go_ahead"]
            _grant(transformed, missing)
            allowed = at.rollback("plan", *REQUEST)
            assert allowed.returncode == DONE, text(allowed)
            assert "realtime-service" in allowed.stdout
            with terminal(at, "run", *REQUEST) as screen:
                screen.expect("Waiting for approval")
                answer(screen)
                assert screen.end() == DONE, screen.text
        assert at_baseline(transformed)
        assert at.rollback("verify").returncode == DONE
        assert at.rollback("status").returncode == DONE
        _serves(transformed, app)


def _give_to(database: Database, app: str) -> None:
    """Make everything the application's own, as it is where the application's role ran the migrations."""
    owned = """
        SELECT format('ALTER TABLE public.%I OWNER TO {app}', relname) FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v', 'm')
        UNION ALL SELECT format('ALTER TYPE public.%I OWNER TO {app}', typname) FROM pg_type
        WHERE typnamespace = 'public'::regnamespace AND typtype = 'e'
        UNION ALL SELECT format('ALTER FUNCTION %s OWNER TO {app}', p.oid::regprocedure) FROM pg_proc AS p
        WHERE pronamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
        UNION ALL SELECT format('ALTER DATABASE %I OWNER TO {app}', current_database())"""
    for statement in database.column(owned.format(app=app)):
        do(database, statement)


def _grant(database: Database, missing: list[str]) -> None:
    """Run exactly what the plan says that mends each missing right."""
    for line in missing:
        statement = line.partition("Mend it with: ")[2]
        assert statement.endswith(";"), line
        do(database, statement)


def _serves(database: Database, app: str) -> None:
    """See that the old release's own role can work with what came back, and owns it."""
    with closing(psycopg.connect(database.conninfo, user=app)) as conn:
        conn.execute("SELECT profession FROM digital_twins")
        conn.execute("SELECT handed_over_at FROM conversations")
        conn.execute(
            "INSERT INTO handover_notifications (conversation_id, user_id) "
            "SELECT c.id, t.user_id FROM conversations c JOIN digital_twins t ON t.id = c.twin_id LIMIT 1"
        )
        owners = conn.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class "
            "WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'v')"
        ).fetchall()
        assert owners == [(app,)]


def test_a_superusers_session_that_cannot_be_ended_is_named_before(transformed: Database, tmp_path: Path) -> None:
    with role(transformed) as owner:
        _give_to(transformed, owner)
        at = desk(transformed, tmp_path, PGUSER=owner)
        with closing(transformed.connect()) as conn:
            conn.execute("SET application_name = 'psql of the administrator'")
            shown = json.loads(at.rollback("plan", *REQUEST, "--json").stdout)
            assert any("superuser" in line and "psql of the administrator" in line for line in shown["blockers"]), shown
