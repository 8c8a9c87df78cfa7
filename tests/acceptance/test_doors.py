"""A run that a worker started: ended at Prefect, and answered at its host's own door with Prefect out of sight."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance import site as sites
from tests.acceptance.operator import answer, at_baseline, desk, terminal
from tests.acceptance.site import Site
from tests.acceptance.test_worker import REQUEST
from tests.databases import ALL, Database, Templates
from tests.waiting import until

pytestmark = pytest.mark.pg("18")
LOCKS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
NEWEST = "SELECT {} FROM rollback.run ORDER BY started DESC LIMIT 1"
DOORS = "SELECT door, name, accepted FROM rollback.approval_try ORDER BY id"


@pytest.fixture(scope="module")
def placed(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Database]]:
    folder = tmp_path_factory.mktemp("doors")
    with templates.copy(forward=ALL) as database, sites.opened(desk(database, folder).env, folder) as site:
        yield site, database


@contextmanager
def waiting(site: Site, incident: str) -> Iterator[str]:
    """Propose a rollback over the API, and lend the id of its run once it waits."""
    body = {"parameters": {"request": {**REQUEST, "incident": incident, "requested_by": "Grace Hopper"}}}
    path = f"/deployments/{site.deployment('rollback/production')}/create_flow_run"
    site.prefect.call("POST", path, **body).raise_for_status()
    run = str(site.prefect.waiting()["id"])
    site.prefect.form(run)
    yield run


def test_a_run_that_is_cancelled_at_prefect_ends_and_holds_nothing(placed: tuple[Site, Database]) -> None:
    site, database = placed
    with waiting(site, "INC-1") as run:
        site.prefect.call("POST", f"/flow_runs/{run}/set_state", state={"type": "CANCELLING"}).raise_for_status()
        assert site.ended(run) == "Cancelled"
        states = site.prefect.call("GET", f"/flow_run_states/?flow_run_id={run}").json()
        assert "Crashed" not in [state["name"] for state in states], "alerts would tell of a crash"
    until(lambda: database.value(LOCKS) == 0)
    until(lambda: database.value(NEWEST.format("outcome")) == "cancelled")
    assert not at_baseline(database)
    [report] = (site.desk.folder / "reports").glob("report-*INC-1*.md")
    assert "cancelled through Prefect's API at" in report.read_text()


def test_an_answer_on_the_host_never_passes_through_prefect(placed: tuple[Site, Database]) -> None:
    site, database = placed
    with waiting(site, "INC-2") as run:
        with terminal(site.desk, "approve", PREFECT_API_URL="http://127.0.0.1:9/api") as screen:
            screen.expect("Can go ahead")
            screen.expect("terminal on this host")
            answer(screen, comment="By the book.")
            assert screen.end() == 0, screen.text
        kept = json.dumps(site.prefect.call("POST", f"/flow_runs/{run}/input/filter", prefix="p", limit=200).json())
        assert site.ended(run) == "Completed"
    assert at_baseline(database)
    assert "By the book." not in kept and '"approve"' not in kept.replace('["approve", "decline"]', "")
    with database.connect() as conn:
        [(door, name, accepted)] = conn.execute(f"{DOORS} DESC LIMIT 1").fetchall()
    assert (door.startswith("terminal on "), name, accepted) == (True, "Ada Lovelace", True)
