"""Autovacuum in the middle of its work: it costs no rollback, and who was ended is named."""

from collections.abc import Callable, Iterator

import psycopg
import pytest

from runbook import runs
from runbook.barrier import autovacuum
from tests import runbook_runs, servers, waiting
from tests.databases import ALL, Database, Templates
from tests.integration.flow.look import journal, wrong
from tests.servers import Server

pytestmark = [
    pytest.mark.pg("15", "18"),
    pytest.mark.usefixtures("prefect"),
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

WORKS = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'autovacuum: %analytics_events%'"
SLOW = """
    ALTER TABLE analytics_events SET (autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1,
                                      autovacuum_vacuum_threshold = 10, autovacuum_vacuum_scale_factor = 0);
    INSERT INTO analytics_events (event_type, event_data)
    SELECT 'noise', jsonb_build_object('text', repeat('x', 500)) FROM generate_series(1, 20000);
"""


@pytest.fixture
def busy(server: Server, aim: Callable[[Database], Database]) -> Iterator[Database]:
    """Make a database whose autovacuum takes hours over analytics_events, and begins again within a second."""
    own = servers.start(server.version, autovacuum_freeze_max_age="100000")
    with Templates(own).copy(forward=ALL) as made:
        with own.connect() as admin, made.connect() as conn:
            conn.execute(SLOW)
            conn.execute("UPDATE analytics_events SET event_type = 'noise'")  # a long one, just before
            admin.execute("ALTER SYSTEM SET autovacuum = on")
            admin.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
            admin.execute("SELECT pg_reload_conf()")
            waiting.until(lambda: conn.execute(WORKS).fetchone() is not None, seconds=60)
        yield aim(made)
    own.stop()


AGED = """
    UPDATE pg_class SET relfrozenxid = '4294000000' WHERE relname = 'analytics_events';
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'autovacuum: %analytics_events%';
"""
"""Makes the table so old that its next vacuum is one against wraparound, which PostgreSQL cancels for nobody."""


@pytest.mark.parametrize("aged", [False, True])
def test_a_busy_autovacuum_costs_no_rollback(busy: Database, aged: bool) -> None:
    if aged:
        with busy.connect() as conn:
            conn.execute(AGED)
            waiting.until(lambda: any(worker.wraparound for worker in autovacuum.workers(conn)), seconds=60)
    [before] = busy.column(WORKS)
    state = runbook_runs.run()
    assert state.is_completed(), state.message
    [line] = wrong(busy, gemini="kept")
    assert "autovacuum_vacuum_cost_delay" in line  # the table's own settings
    steps = journal(busy)
    assert f"Autovacuum works on public.analytics_events now (pid {before})" in "\n".join(
        steps["assess"][1]["warnings"]
    )
    named = [line for line in steps["fence"][1]["ended"] if "autovacuum of public.analytics_events" in line]
    assert ("(to prevent wraparound)" in named[0]) is aged
    assert "ended; PostgreSQL begins that work again by itself" in named[0]


def test_one_that_began_again_behind_the_fence_gives_way(busy: Database) -> None:
    """The launcher sends the next worker within a second: PostgreSQL itself cancels it, for superusers and others."""
    with busy.connect() as conn:
        conn.execute("CREATE ROLE other; GRANT ALL ON ALL TABLES IN SCHEMA public TO other")
        with pytest.raises(psycopg.errors.LockNotAvailable):  # as it was: never as long as deadlock_timeout
            conn.execute("SET lock_timeout = 500; LOCK TABLE analytics_events")
    with runbook_runs.begun() as (run, _):
        for role in ("postgres", "other"):
            waiting.until(lambda: any(one.table.endswith("analytics_events") for one in autovacuum.workers(run.side)))
            run.work.execute(f"SET ROLE {role}")
            with runs.transaction(run):
                run.work.execute("LOCK TABLE public.analytics_events")
