"""The approval in Prefect's own UI: a real browser fills the form behind Resume, and the run goes on."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from tests.acceptance.engine import unavailable
from tests.acceptance.operator import REQUEST, Prefect, at_baseline, code, desk
from tests.databases import Database

pytestmark = [pytest.mark.system, pytest.mark.pg("18")]
CHROMIUM = Path("/usr/bin/chromium")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MILLISECONDS = 20_000


@pytest.fixture
def page() -> Iterator[Page]:
    if not CHROMIUM.exists():
        unavailable("chromium is not installed (make test-system installs it)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*QUIET, "--disable-sync"])
        opened = browser.new_page(viewport={"width": 1400, "height": 1400})
        opened.set_default_timeout(MILLISECONDS)
        yield opened
        browser.close()


def shot(page: Page, name: str) -> None:
    """Keep a picture of the page where somebody asks for pictures."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.screenshot(path=str(Path(folder) / f"{name}.png"))


def test_the_form_behind_resume_is_filled_and_the_run_goes_on(
    page: Page, transformed: Database, prefect_api: Prefect, tmp_path: Path
) -> None:
    at = desk(transformed, tmp_path, **prefect_api.env)
    running = at.start("run", *REQUEST)
    try:
        run = prefect_api.waiting()["id"]
        page.goto(f"{prefect_api.env['PREFECT_API_URL'].removesuffix('/api')}/runs/flow-run/{run}")
        _answer(page, "000000", "wrong")
        expect(_form(page)).to_contain_text("does not count", timeout=3 * MILLISECONDS)
        page.keyboard.press("Escape")
        page.wait_for_timeout(3000)  # a wrong code slows the next answer in the same name down by 2 s
        _answer(page, code(), "right")
        out, _ = running.communicate(timeout=120)
        assert running.returncode == 0, out
        assert at_baseline(transformed)
        assert transformed.value("SELECT name || ', ' || role FROM rollback.approval") == "Ada Lovelace, CTO"
        expect(page.get_by_text("Completed").first).to_be_visible(timeout=MILLISECONDS)
        shot(page, "done")
    finally:
        running.kill()
        running.wait()


def _form(page: Page) -> Locator:
    """Open the form behind Resume; the button is there only while the run waits."""
    page.reload()
    page.get_by_role("button", name="Resume").first.click()
    return page.get_by_role("dialog")


def _answer(page: Page, digits: str, name: str) -> None:
    """Fill the form as an approver does, and send it."""
    form = _form(page)
    expect(form).to_contain_text("Can go ahead", timeout=MILLISECONDS)
    # The form's labels do not belong to its fields; these stand in the order of the model.
    for field, choice in enumerate(("approve", "CTO")):
        _choose(page, form.locator(".p-select-button").nth(field), choice)
    texts = form.get_by_role("textbox")
    # name, comment, plan (filled in already), code
    texts.first.fill("Ada Lovelace")
    texts.nth(3).fill(digits)
    shot(page, name)
    form.get_by_role("button", name="Submit").click()
    expect(form).not_to_be_visible(timeout=MILLISECONDS)


def _choose(page: Page, menu: Locator, choice: str) -> None:
    """Take an entry of a menu; a click that only focuses it is followed by a key, as a person would."""
    entry = page.locator(".p-select-option", has_text=choice)
    menu.locator("button").click()
    page.wait_for_timeout(500)
    if not entry.is_visible():
        page.keyboard.press("Space")
    shot(page, f"menu-{choice}")
    entry.click()
