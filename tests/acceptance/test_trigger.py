"""From an alert to a proposed rollback on a real server with a real worker: one run, which waits, and is declined."""

import json
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance import prefects
from tests.acceptance.operator import ROOT, SECONDS, Desk, Done, at_baseline, code, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.site import WORKER, through_services
from tests.databases import Database, Templates
from tests.waiting import until

pytestmark = pytest.mark.pg("18")
ALERTS = ROOT / "tests" / "alerts"
BUSY = 503
FINAL = ("Completed", "Declined", "Refused", "Cancelled", "Failed", "Crashed")


@dataclass(frozen=True)
class Site:
    """A server with the deployments registered, a worker, and the database that production means there."""

    prefect: Prefect
    database: Database
    desk: Desk
    spent: list[str] = field(default_factory=list)
    """The one-time codes that were given: each works once."""

    def trigger(self, *words: str, **env: str) -> Done:
        return self.desk.program(sys.executable, "-m", "deployments.trigger", *words, **env)

    def create(self, **body: Any) -> httpx.Response:
        """Ask for a run of rollback/production over the API; as curl --retry does, again when the server is busy."""
        deployment = self.prefect.read("/deployments/name/rollback/production")
        assert deployment["enforce_parameter_schema"]
        path = f"/deployments/{deployment['id']}/create_flow_run"
        while (answer := self.prefect.call("POST", path, **body)).status_code == BUSY:
            time.sleep(1)
        return answer

    def state(self, run: str) -> str:
        return str(self.prefect.read(f"/flow_runs/{run}")["state"]["name"])

    def count(self) -> int:
        chosen = {"flows": {"name": {"any_": ["rollback"]}}}
        return int(self.prefect.call("POST", "/flow_runs/count", **chosen).json())

    def decline(self, run: str) -> None:
        """Decline with an approver's code, and see the run end with nothing changed."""
        until(lambda: code() not in self.spent)
        given = code()
        self.spent.append(given)
        assert self.prefect.resume(run, decision="decline", code=given).json()["status"] == "ACCEPT"
        until(lambda: self.state(run) in FINAL)
        assert self.state(run) == "Declined"
        assert not at_baseline(self.database)


@pytest.fixture(scope="module")
def site(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("alerts")
    with templates.copy(forward=("010", "011", "012", "013")) as database, prefects.server(folder / "server") as server:
        at = desk(database, folder, **server.env)
        env = through_services(at.env, folder, "production")
        registered = at.program(sys.executable, "-m", "deployments.deploy")
        assert registered.returncode == 0, registered.stderr
        with prefects.program(folder / "worker", WORKER, {**env, "PREFECT_WORKER_QUERY_SECONDS": "1"}):
            yield Site(server, database, at)


def recorded(name: str, folder: Path, incident: str = "") -> str:
    """Return a file with a recorded payload whose alerts began just now, as those of an alert that just came."""
    text = (ALERTS / f"{name}.json").read_text()
    now = datetime.now(UTC)
    for n, moment in enumerate(sorted(set(re.findall(r"2026-11-22T02:4[\d:.]+Z", text)))):
        text = text.replace(moment, (now - timedelta(minutes=5) + timedelta(minutes=n)).isoformat())
    payload = json.loads(text)
    if incident:
        payload["commonLabels"]["incident"] = incident
    file = folder / f"{name}.json"
    file.write_text(json.dumps(payload))
    return str(file)


def said(done: Done, what: str) -> str:
    """Return what stands behind a word on a line of its own."""
    found = re.search(rf"^{what}: (.*)$", done.stdout, flags=re.M)
    assert found, done.stdout + done.stderr
    return found[1]


def test_an_alert_proposes_one_run_which_waits_and_is_declined(site: Site, tmp_path: Path) -> None:
    alert = recorded("alertmanager_firing", tmp_path)
    first = site.trigger(alert)
    assert first.returncode == 0, first.stderr
    run = said(first, "Run")
    assert said(first, "Page").endswith(f"/runs/flow-run/{run}")
    assert site.prefect.waiting()["id"] == run
    parameters = site.prefect.read(f"/flow_runs/{run}")["parameters"]["request"]
    assert parameters["reason"] == "42 % of chat answers end with an error."
    assert parameters["requested_by"] == "Alertmanager, receiver digitaltwin-rollback"
    assert not at_baseline(site.database)

    # Alertmanager tells of the same group again: first as it was, then with a second alert.
    grown = json.loads(Path(alert).read_text())
    grown["alerts"].append({**grown["alerts"][0], "startsAt": datetime.now(UTC).isoformat(), "fingerprint": "0"})
    Path(alert).write_text(json.dumps(grown))
    again = site.trigger(alert)
    assert said(again, "Run") == run and "Proposed already" in again.stdout
    assert site.count() == 1

    following = subprocess.Popen(
        [sys.executable, "-m", "deployments.trigger", alert, "--follow"],
        cwd=site.desk.folder,
        env=dict(site.desk.env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert following.stdout
    shown = ""
    while "State: PAUSED" not in shown:
        line = following.stdout.readline()
        assert line, shown
        shown += line
    site.decline(run)
    rest, _ = following.communicate(timeout=SECONDS)
    assert following.returncode == 4, shown + rest
    assert "State: Declined: " in rest

    late = site.trigger(alert)
    assert late.returncode == 0 and said(late, "Run") == run and "Proposed already, and ended" in late.stdout
    assert site.trigger(alert, "--follow").returncode == 4
    assert site.count() == 1


REQUEST: dict[str, Any] = {"incident": "INC-1", "reason": "Chat is broken.", "triggers": [], "oauth": "keep"}


@pytest.mark.attack("api", "sends a request that does not fit the form", "refused by its type, before a run exists")
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ({"parameters": {}}, 409, "'request' is a required property"),
        ({"parameters": {"request": {**REQUEST, "oauth": "forget them"}}}, 409, "forget them"),
        ({"parameters": {"request": {**REQUEST, "incident": "a b"}}}, 409, "a b"),
        ({"parameters": {"request": {**REQUEST, "surprise": 1}}}, 409, "surprise"),
        ({"parameters": {"request": {**REQUEST, "triggers": ["boredom"]}}}, 409, "boredom"),
        ({"parameters": {"request": {k: v for k, v in REQUEST.items() if k != "reason"}}}, 409, "reason"),
        ({"parameters": "text"}, 422, "parameters"),
        ({"parameters": {"request": REQUEST}, "surprise": 1}, 422, "surprise"),
    ],
)
def test_what_does_not_fit_is_refused_by_type_before_a_run_exists(
    site: Site, body: dict[str, Any], status: int, words: str
) -> None:
    before = site.count()
    answer = site.create(**body)
    assert answer.status_code == status, answer.text
    assert words in answer.text
    assert site.count() == before


def test_an_event_proposes_a_rollback_by_an_automation(site: Site) -> None:
    file = ROOT / "deployments" / "automations" / "incident.yaml"
    words = (sys.executable, "-m", "deployments.automation", str(file))
    assert "registered, new" in site.desk.program(*words).stdout
    before_again = site.prefect.call("POST", "/automations/filter").json()
    assert "propose a rollback" in {automation["name"] for automation in before_again}
    again = site.desk.program(*words)
    assert "already so, skipped" in again.stdout, again.stdout + again.stderr
    assert site.prefect.call("POST", "/automations/filter").json() == before_again

    before = site.count()
    for _ in range(3):
        _emit(site, "INC-3001")
    run = site.prefect.waiting()
    asked = run["parameters"]["request"]
    assert (asked["incident"], asked["requested_by"]) == ("INC-3001", "Grace Hopper")
    assert asked["triggers"] == ["critical functionality broken: chat"] and asked["previous_tag"] is None
    site.decline(run["id"])
    _emit(site, "INC-3001")
    # Another incident's event goes the same way and comes later: when its run is there, the other would be, too.
    _emit(site, "INC-3002")
    other = site.prefect.waiting()
    assert other["parameters"]["request"]["incident"] == "INC-3002"
    assert site.count() == before + 2
    site.decline(other["id"])


def _emit(site: Site, incident: str) -> None:
    """Send the event as deployments/README.md shows it."""
    text = (ROOT / "deployments" / "README.md").read_text().partition("## Alerts")[2]
    [script] = [
        block for block in re.findall(r"```bash\n(.*?)```", text, flags=re.S) if "$PREFECT_API_URL/events" in block
    ]
    done = site.desk.program("bash", "-euo", "pipefail", "-c", script.replace("INC-2041", incident))
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_cannot_be_proposed_says_why_and_starts_nothing(site: Site, tmp_path: Path) -> None:
    before = site.count()
    alert = recorded("alertmanager_firing", tmp_path)
    missing = tmp_path / "missing.json"
    missing.write_text('{"trigger": "the office is on fire"}')
    text = tmp_path / "text.json"
    text.write_text("Something is broken!")
    tries: list[tuple[Done, int, tuple[str, ...]]] = [
        (site.trigger(str(ALERTS / "alertmanager_resolved.json")), 0, ("status is resolved, so nothing is proposed",)),
        (site.trigger(str(missing)), 1, ("incident: nothing", "reason: nothing", "no trigger fits the office")),
        (site.trigger(str(text)), 1, ("it is not JSON",)),
        (site.trigger(str(tmp_path / "absent.json")), 1, ("cannot be read",)),
        (site.trigger(alert, "--set", "colour=red"), 1, ("--set does not know colour",)),
        (site.trigger(alert, "--set", "oauth=forget"), 1, ("oauth: Input should be",)),
        (site.trigger(alert, "--mapping", "opsgenie"), 1, ("Shipped are alertmanager, pagerduty, generic",)),
        (site.trigger(alert, "--deployment", "rollback/moon"), 1, ("no deployment rollback/moon", "rollback/staging")),
        (site.trigger(alert, PREFECT_API_URL="http://127.0.0.1:9/api"), 1, ("does not answer", "Nothing was sent.")),
        (site.trigger(alert, "--surprise"), 2, ("--surprise",)),
    ]
    for done, status, words in tries:
        out = done.stdout + done.stderr
        assert done.returncode == status, out
        assert [word for word in words if word not in out] == [], out
        assert "Traceback" not in out
    assert site.count() == before
    dry = site.trigger(alert, "--dry-run", "--set", "previous_tag=v1.8.3")
    assert json.loads(dry.stdout)["previous_tag"] == "v1.8.3" and site.count() == before


def test_an_alert_on_standard_input(site: Site, tmp_path: Path) -> None:
    before = site.count()
    payload = Path(recorded("alertmanager_firing", tmp_path, f"INC-{uuid.uuid4().hex[:6]}")).read_text()
    done = subprocess.run(
        [sys.executable, "-m", "deployments.trigger", "--deployment", "rollback/staging"],
        input=payload,
        cwd=site.desk.folder,
        env=dict(site.desk.env),
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stderr
    assert site.count() == before + 1
    # The same incident on another target is another run.
    assert json.loads(payload)["commonLabels"]["incident"] + " on staging" in done.stdout


SLOW = {**REQUEST, "triggers": ["performance degradation"]}


@pytest.mark.parametrize(
    ("parameters", "end", "words"),
    [
        ({"request": SLOW}, "Failed", "the trigger 'performance degradation' needs it"),
        ({"request": REQUEST, "surprise": 1}, "Refused", "it has parameters beside request: surprise"),
    ],
    ids=["a rule", "beside request"],
)
def test_what_fits_the_form_but_not_the_rules_ends_before_it_waits(
    site: Site, parameters: dict[str, Any], end: str, words: str
) -> None:
    made = site.create(parameters=parameters)
    assert made.status_code == 201
    run = made.json()["id"]
    until(lambda: site.state(run) in FINAL)
    state = site.prefect.read(f"/flow_runs/{run}")["state"]
    assert state["name"] == end and words in state["message"], state
    assert not at_baseline(site.database)


def test_a_key_counts_for_all_deployments_of_the_flow(site: Site, tmp_path: Path) -> None:
    alert = recorded("alertmanager_firing", tmp_path, "INC-5000")
    words = (alert, "--key", "INC-5000, again", "--deployment")
    one, two = site.trigger(*words, "rollback/staging"), site.trigger(*words, "rollback/production")
    assert said(one, "Run") == said(two, "Run")
