"""The whole story in a real browser, by a real worker: the form, the approval, the run's page, the report."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.acceptance import browser, site
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import at_baseline, code, desk
from tests.acceptance.site import Site
from tests.databases import Database
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.pg("18"), pytest.mark.timeout(900)]
SECONDS = 60_000
TRIGGERS = ("critical functionality broken: chat", "cannot be fixed within 30 minutes")


@pytest.fixture
def place(transformed: Database, tmp_path: Path) -> Iterator[Site]:
    if not browser.CHROMIUM.exists():
        unavailable(browser.MISSING)
    with site.opened(desk(transformed, tmp_path).env, tmp_path) as opened:
        yield opened


def test_an_operator_starts_approves_watches_and_reads(place: Site, transformed: Database) -> None:
    with browser.opened() as page:
        form = browser.run_form(page, place.ui, "rollback/production")
        browser.request(form, "INC-2041", *TRIGGERS)
        browser.start(form)
        run = browser.go_to_run(page, "INC-2041 on production")
        expect(page.get_by_role("button", name="Resume").first).to_be_visible(timeout=SECONDS)
        assert place.state(run) == "Paused" and not at_baseline(transformed)
        asked = place.prefect.read(f"/flow_runs/{run}")["parameters"]["request"]
        assert asked["triggers"] == list(TRIGGERS)
        assert (asked["oauth"], asked["requested_by"]) == ("temporary passwords", "Grace Hopper")

        answer = browser.answer_form(page)
        expect(answer.place.get_by_text("Can go ahead").first).to_be_visible()
        browser.approval(answer, "000000")
        answer.submit()
        expect(answer.place).not_to_be_visible()
        until(lambda: place.state(run) == "Paused")
        page.wait_for_timeout(3000)  # a wrong code slows the next answer in the same name down by 2 s
        page.reload()
        answer = browser.answer_form(page)
        expect(answer.place).to_contain_text("does not count")
        browser.approval(answer, code())
        answer.submit()
        browser.watch(page)
        assert place.state(run) == "Completed" and at_baseline(transformed)
        assert transformed.value("SELECT name || ', ' || role FROM rollback.approval") == "Ada Lovelace, CTO"

        browser.open_artifact(page, "report")
        expect(page.get_by_role("heading", name="Rolled back:")).to_be_visible()
        expect(page.get_by_text("The database is rolled back and verified").first).to_be_visible()
        expect(page.get_by_text("Ada Lovelace (CTO) chose 'approve'")).to_be_visible()
        assert [one["id"] for one in place.runs()] == [run]
