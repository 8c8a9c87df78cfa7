"""The pages of Prefect's UI as an operator sees them: the form of a run, what its page shows, in light and in dark."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args

import pytest
import yaml
from playwright.sync_api import Browser, Page, expect, sync_playwright

from runbook.request import OauthChoice, RollbackRequest, Trigger
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import REQUEST, ROOT, Desk, desk
from tests.acceptance.prefects import Prefect
from tests.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.pg("18")]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MILLISECONDS = 20_000
LAPTOP = 900
"""How high the screen of a laptop is, in px."""
LABEL = ".schema-form-property__label"
PICTURE = "img[src^='data:image/svg+xml']"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        unavailable("chromium is not installed (make test-system installs it)")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*QUIET, "--disable-sync"])
        yield opened
        opened.close()


def ui(prefect: Prefect) -> str:
    return prefect.env["PREFECT_API_URL"].removesuffix("/api")


def opened(browser: Browser, address: str, scheme: Literal["light", "dark"] = "light", height: int = LAPTOP) -> Page:
    page = browser.new_page(viewport={"width": 1400, "height": height}, color_scheme=scheme)
    page.set_default_timeout(MILLISECONDS)
    # What the switch in the older UI's settings writes; the newer one follows the system.
    page.add_init_script(f"localStorage.setItem('color-scheme', '\"{scheme}\"')")
    page.goto(address)
    return page


def deployed(at: Desk, folder: Path) -> None:
    """Register rollback/production alone: a schedule would make runs on a server that other tests count on."""
    registry = yaml.safe_load((ROOT / "prefect.yaml").read_text())
    registry["deployments"] = registry["deployments"][:1]
    (folder / "prefect.yaml").write_text(yaml.safe_dump(registry))
    done = at.program(sys.executable, "-m", "deployments.deploy", str(folder / "prefect.yaml"))
    assert done.returncode == 0, done.stderr


def test_the_form_asks_in_order_with_menus_and_names_what_is_missing(
    browser: Browser, transformed: Database, prefect_api: Prefect, tmp_path: Path
) -> None:
    deployed(desk(transformed, tmp_path, **prefect_api.env), tmp_path)
    deployment = prefect_api.read("/deployments/name/rollback/production")["id"]
    page = opened(browser, f"{ui(prefect_api)}/deployments/deployment/{deployment}/run", height=2600)
    expect(page.locator(LABEL).first).to_be_visible(timeout=MILLISECONDS)
    shown = [label.removesuffix(" (Optional)") for label in page.locator(LABEL).all_inner_texts()]
    assert shown == ["request", *(str(field.title) for field in RollbackRequest.model_fields.values())]
    expect(page.get_by_text("Property is type")).to_have_count(0)

    assert menu(page, "OAuth users") == list(get_args(OauthChoice))
    assert menu(page, "Triggers") == list(get_args(Trigger))

    before = prefect_api.call("POST", "/flow_runs/count", flow_runs={}).json()
    page.get_by_role("button", name="Submit").click()
    for field in ("incident", "reason", "oauth"):
        expect(page.get_by_text(f"'{field}' is a required property")).to_be_visible(timeout=MILLISECONDS)
    assert prefect_api.call("POST", "/flow_runs/count", flow_runs={}).json() == before
    page.close()


def menu(page: Page, title: str) -> list[str]:
    """Open the menu of a field and return its entries."""
    field = page.locator(".p-label.schema-form-property", has=page.get_by_text(title, exact=False)).last
    field.locator("button").last.click()
    page.wait_for_timeout(500)
    entries = page.locator(".p-select-option")
    if not entries.first.is_visible():
        page.keyboard.press("Space")
    expect(entries.first).to_be_visible()
    found = [entry.strip() for entry in entries.all_inner_texts()]
    page.keyboard.press("Escape")
    return found


def test_a_run_shows_plan_progress_checks_and_a_picture(
    browser: Browser, transformed: Database, prefect_api: Prefect, tmp_path: Path
) -> None:
    at = desk(transformed, tmp_path, **prefect_api.env)
    running = at.start("run", *REQUEST)
    try:
        run = prefect_api.waiting()["id"]
        prefect_api.form(run)
        _the_approver_reads_the_plan_on_a_low_screen(browser, f"{ui(prefect_api)}/runs/flow-run/{run}")
        assert prefect_api.resume(run).json()["status"] == "ACCEPT"
        out, _ = running.communicate(timeout=120)
        assert running.returncode == 0, out
    finally:
        running.kill()
        running.wait()
    assert set(prefect_api.read(f"/flow_runs/{run}")["tags"]) == {"rollback", "INC-1", "test"}
    [report] = (tmp_path / "reports").glob("report-*.md")
    assert f"({ui(prefect_api)}/runs/flow-run/{run})".replace("(", "(<").replace(")", ">)") in report.read_text()

    shown = artifacts(prefect_api, run)
    assert {"plan", "progress", "verification", "rows", "report"} <= set(shown)
    assert "Users are online." in shown["progress"]["description"]
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for scheme in schemes:
        for door in ("", "/v2"):  # Prefect has two UIs
            page = opened(browser, f"{ui(prefect_api)}{door}/artifacts/artifact/{shown['report']['id']}", scheme)
            expect(page.locator(PICTURE)).to_be_visible(timeout=MILLISECONDS)
            assert page.locator(PICTURE).evaluate("image => image.naturalWidth") > 0
            page.close()
    page = opened(browser, f"{ui(prefect_api)}/artifacts/artifact/{shown['verification']['id']}")
    expect(page.get_by_text("knowledge_bases")).to_be_visible(timeout=MILLISECONDS)
    page.close()


def _the_approver_reads_the_plan_on_a_low_screen(browser: Browser, address: str) -> None:
    """What stands above the form has no room there: the first field says it, and leads to all of it."""
    page = opened(browser, address)
    page.get_by_role("button", name="Resume").first.click()
    field = page.get_by_role("dialog").locator(".schema-form-property").first
    expect(field.get_by_text("Can go ahead")).to_be_in_viewport(timeout=MILLISECONDS)
    page.goto(str(field.get_by_role("link").get_attribute("href")))
    expect(page.get_by_text("What will happen, in this order")).to_be_visible(timeout=MILLISECONDS)
    page.close()


def artifacts(prefect: Prefect, run: str) -> dict[str, dict[str, Any]]:
    """Return the artifacts of a run by their keys, the newest of each."""
    rows = prefect.call("POST", "/artifacts/filter", flow_runs={"id": {"any_": [run]}}).json()
    return {row["key"]: row for row in sorted(rows, key=lambda row: str(row["created"]))}
