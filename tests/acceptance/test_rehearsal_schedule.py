"""The rehearsal by its schedule: a real server and worker, a cron of every minute, and what the artifacts then show."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from playwright.sync_api import sync_playwright

from tests.acceptance import prefects, staging
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import ROOT, desk
from tests.acceptance.prefects import Prefect
from tests.acceptance.site import WORKER, install_targets, service_file
from tests.databases import Database, Templates
from tests.servers import Server
from tests.waiting import until

pytestmark = pytest.mark.pg("18")
CHROMIUM = Path("/usr/bin/chromium")


@dataclass(frozen=True)
class Site:
    """A server with rehearsal/staging on a schedule of every minute, a worker, and the two databases."""

    prefect: Prefect
    staging: Database
    folder: Path

    def outcomes(self) -> list[str]:
        """Return how the rehearsals ended that the history knows, the oldest first."""
        return staging.outcomes(self.staging)

    def artifact(self, key: str, what: str = "data") -> Any:
        """Return what the newest version of an artifact holds, or another field of it."""
        chosen = {"artifacts": {"key": {"any_": [key]}}, "sort": "CREATED_DESC", "limit": 1}
        [found] = self.prefect.call("POST", "/artifacts/filter", **chosen).json()
        return found[what]

    def scheduled(self) -> list[str]:
        """Return the names of the runs that the schedule made and that are completed."""
        return [str(run["name"]) for run in self.prefect.runs("COMPLETED") if run["auto_scheduled"]]


@pytest.fixture(scope="module")
def site(templates: Templates, server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    with (
        templates.copy(forward=("010", "011", "012", "013")) as production,
        staging.lent(server) as place,
        prefects.server(folder / "server") as prefect,
    ):
        at = desk(place, folder, **prefect.env)
        env = {name: value for name, value in at.env.items() if not name.startswith("PG") and name != "ROLLBACK_TARGET"}
        places = {"digitaltwin-production": staging.place(production), "digitaltwin-staging": staging.place(place)}
        env["PGSERVICEFILE"] = str(service_file(folder, places))
        install_targets(folder, "production", "staging")
        _register(folder, env)
        with prefects.program(folder / "worker", WORKER, {**env, "PREFECT_WORKER_QUERY_SECONDS": "1"}):
            yield Site(prefect, place, folder)


def _register(folder: Path, env: dict[str, str]) -> None:
    """Register prefect.yaml with a rehearsal every minute."""
    document = json.loads(json.dumps(yaml.safe_load((ROOT / "prefect.yaml").read_text())))
    [entry] = [one for one in document["deployments"] if one["entrypoint"] == "flows.rehearsal:rehearsal"]
    entry["schedules"] = [{"cron": "* * * * *", "slug": "every-minute"}]
    document["deployments"] = [entry]
    file = folder / "prefect.yaml"
    file.write_text(yaml.safe_dump(document))
    words = [sys.executable, "-m", "deployments.deploy", str(file)]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_two_rehearsals_run_by_their_schedule_and_the_artifacts_show_both(site: Site) -> None:
    until(lambda: site.outcomes().count("done") >= 2 or "failed" in site.outcomes(), 240)
    assert site.outcomes()[:2] == ["done", "done"], (site.folder / "worker" / "python.log").read_text()[-4000:]
    until(lambda: len(json.loads(site.artifact("rehearsal-history"))) >= 2)
    until(lambda: len([name for name in site.scheduled() if re.fullmatch(r"REHEARSAL-[\d-]+ on staging", name)]) >= 2)
    first, second = json.loads(site.artifact("rehearsal-history"))[-2:]
    for row in (first, second):
        assert row["outcome"] == "done" and row["transaction"] and row["clone production"] and row["clean up"]
    picture = re.search(r"data:image/svg\+xml;base64,([\w+/=]+)", site.artifact("rehearsal-trend"))
    assert picture
    assert base64.b64decode(picture[1]).count(b'<circle class="all"') >= 2


def test_staging_is_what_it_was(site: Site) -> None:
    for deployment in site.prefect.call("POST", "/deployments/filter", limit=5).json():
        site.prefect.call("PATCH", f"/deployments/{deployment['id']}", paused=True)
    until(lambda: not site.prefect.runs("RUNNING"))
    assert staging.as_found(site.staging)


@pytest.mark.system
def test_the_trend_is_seen_in_the_ui(site: Site) -> None:
    if not CHROMIUM.exists():
        unavailable("chromium is not installed (make test-system installs it)")
    newest = site.artifact("rehearsal-trend", "id")
    address = site.prefect.env["PREFECT_API_URL"].removesuffix("/api")
    with sync_playwright() as playwright:
        words = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*words, "--disable-sync"])
        for scheme in ("light", "dark"):
            page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme=scheme)
            page.goto(f"{address}/artifacts/artifact/{newest}")
            shown = page.locator("img[src^='data:image/svg+xml']").first
            shown.wait_for(timeout=20_000)
            assert shown.evaluate("image => image.complete && image.naturalWidth") > 300
            page.screenshot(path=str(site.folder / f"trend-{scheme}.png"))
        browser.close()
    assert {path.name for path in site.folder.glob("trend-*.png")} == {"trend-light.png", "trend-dark.png"}
