"""The whole story in a real browser, by a real worker: the form, the approval, the run's page, the report.

It is the story of the documents' pictures, which are made on the way.
"""

from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests import make_pictures
from tests.acceptance import browser
from tests.acceptance.browser import Form
from tests.acceptance.engine import unavailable
from tests.acceptance.operator import code
from tests.acceptance.site import Site
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
EMPTY = 20_000
"""Bytes that a picture of a page has at least; a white one has fewer."""


def test_an_operator_starts_approves_watches_and_reads(tmp_path: Path) -> None:
    if not browser.CHROMIUM.exists():
        unavailable(browser.MISSING)
    make_pictures.main(tmp_path, lambda shown, page, place: SEEN[shown](page, place))
    made = {file.stem: file.stat().st_size for file in tmp_path.iterdir()}
    assert tuple(sorted(made)) == tuple(sorted(SEEN)) == tuple(sorted(make_pictures.NAMES))
    assert all(EMPTY < size <= make_pictures.LIMIT for size in made.values()), made


def value(query: str) -> Any:
    """Ask the demo's database, to which libpq's environment leads meanwhile."""
    with psycopg.connect("") as conn:
        [(found,)] = conn.execute(query.encode()).fetchall()
        return found


def at_baseline() -> bool:
    return bool(value("SELECT to_regclass('public.digital_twins') IS NOT NULL"))


def filled_in(_page: Page, place: Site) -> None:
    assert place.runs() == [] and not at_baseline()


def waits(page: Page, place: Site) -> None:
    """See that nothing is touched before the approval, and that a wrong code does not count."""
    [run] = place.runs()
    assert place.state(run["id"]) == "Paused" and not at_baseline()
    asked = run["parameters"]["request"]
    assert asked["triggers"] == ["critical functionality broken: chat"]
    assert (asked["oauth"], asked["requested_by"]) == ("temporary passwords", "Grace Hopper")
    wrong = Form(page, page.get_by_role("dialog"))
    wrong.write("One-time code", "000000")
    wrong.submit()
    expect(wrong.place).not_to_be_visible()
    until(lambda: place.state(run["id"]) == "Paused")
    page.wait_for_timeout(3000)  # a wrong code slows the next answer in the same name down by 2 s
    page.reload()
    again = browser.answer_form(page)
    expect(again.place).to_contain_text("does not count")
    browser.approval(again, code())


def done(_page: Page, place: Site) -> None:
    assert [place.state(run["id"]) for run in place.runs()] == ["Completed"] and at_baseline()
    assert value("SELECT name || ', ' || role FROM rollback.approval") == "Ada Lovelace, CTO"


def told(page: Page, _place: Site) -> None:
    expect(page.get_by_text("The database is rolled back and verified").first).to_be_visible()
    expect(page.get_by_text("Ada Lovelace (CTO) chose 'approve'")).to_be_visible()


SEEN = {"form": filled_in, "approval": waits, "run": done, "report": told}
"""What is looked at on the page of each picture."""
