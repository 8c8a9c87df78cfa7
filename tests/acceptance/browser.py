"""Prefect's pages in a real browser, used as an operator and an approver use them."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, TimeoutError, expect, sync_playwright

CHROMIUM = Path("/usr/bin/chromium")
MISSING = "chromium is not installed (make test-system installs it)"
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
MILLISECONDS = 20_000
FIELD = ".p-label.schema-form-property"
LABEL = ".schema-form-property__label"


@contextmanager
def opened(width: int = 1280, height: int = 900) -> Iterator[Page]:
    """Lend an empty window of the browser, in light."""
    expect.set_options(timeout=MILLISECONDS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=[*QUIET, "--disable-sync"])
        page = chromium.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        page.set_default_timeout(MILLISECONDS)
        # What the switch in the UI's settings writes.
        page.add_init_script("localStorage.setItem('color-scheme', '\"light\"')")
        try:
            yield page
        finally:
            chromium.close()


@dataclass(frozen=True)
class Form:
    """A form that Prefect made of a model; its fields are known by their titles."""

    page: Page
    place: Locator

    def field(self, title: str) -> Locator:
        """Return a field with its help text."""
        exact = self.page.locator(LABEL, has_text=title)
        return self.place.locator(FIELD, has=exact).last

    def write(self, title: str, words: str) -> None:
        """Type into a field."""
        self.field(title).get_by_role("textbox").first.fill(words)

    def choose(self, title: str, *entries: str) -> None:
        """Take entries of a field's menu."""
        menu = self.field(title).locator(".p-select-button").locator("button").first
        for entry in entries:
            found = self.page.locator(".p-select-option").get_by_text(entry, exact=True)
            if not found.is_visible():
                menu.click()
                self.page.wait_for_timeout(500)
            if not found.is_visible():
                # A click that only focuses the menu is followed by a key, as a person would.
                self.page.keyboard.press("Space")
            found.click()
        self.page.keyboard.press("Escape")

    def submit(self) -> None:
        """Send it."""
        self.place.get_by_role("button", name="Submit").click()


def run_form(page: Page, ui: str, deployment: str) -> Form:
    """Go to a deployment, as from the list of all, and open the form of a custom run."""
    flow, _, name = deployment.partition("/")
    page.goto(f"{ui}/deployments")
    row = page.locator("tr", has=page.get_by_role("link", name=name, exact=True))
    row.filter(has=page.get_by_role("link", name=flow, exact=True)).get_by_role("link", name=name, exact=True).click()
    page.get_by_role("button", name="Run", exact=True).click()
    page.get_by_text("Custom run").locator("visible=true").click()
    expect(page.locator(LABEL).first).to_be_visible()
    return Form(page, page.locator("form.p-form"))


def start(form: Form) -> None:
    """Send the form of a run; once more where the server was too busy and the page says that something went wrong."""
    away = re.compile(r"/deployment/[^/]+/?(\?.*)?$")
    for _ in range(3):
        form.submit()
        try:
            form.page.wait_for_url(away)
            return
        except TimeoutError:
            expect(form.page.get_by_text("Something went wrong").first).to_be_visible()
    raise AssertionError("The form could not be sent.")


def answer_form(page: Page) -> Form:
    """Open the form behind Resume; the button is there only while the run waits."""
    page.get_by_role("button", name="Resume").first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.locator(LABEL).first).to_be_visible()
    return Form(page, dialog)


def go_to_run(page: Page, incident: str) -> str:
    """From the deployment's page, where a submitted form leads, open the incident's run; return its id."""
    page.get_by_role("tablist").get_by_text("Runs", exact=True).click()
    link = page.get_by_role("link", name=incident).first
    expect(link).to_be_visible(timeout=3 * MILLISECONDS)  # the run names itself when the worker has begun it
    link.click()
    page.wait_for_url("**/flow-run/**")
    return page.url.rpartition("/")[2].partition("?")[0]


def watch(page: Page) -> None:
    """Wait on the run's page until it says that the run is completed, then look again: the page has all of it."""
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible(timeout=6 * MILLISECONDS)
    page.reload()
    expect(page.get_by_text(re.compile(r"^\d\d Task runs$")).first).to_be_visible()


def open_artifact(page: Page, key: str) -> None:
    """From the run's page go to what one of its artifacts says."""
    page.get_by_text("Artifacts", exact=True).first.click()
    card = page.locator("a[href*='/artifacts/artifact/']").filter(has=page.get_by_text(key, exact=True))
    # The list draws itself anew while it loads, under the pointer of a mouse.
    card.first.evaluate("link => link.click()")
    page.wait_for_url("**/artifact/**")


def request(form: Form, incident: str, *triggers: str, release: str = "") -> None:
    """Fill in the form of a run."""
    form.write("Incident", incident)
    form.write("What is broken", "Chat answers with errors.")
    form.choose("Triggers", *triggers)
    form.choose("OAuth users", "temporary passwords")
    if release:
        form.write("Previous release", release)
    form.write("Requested by", "Grace Hopper")


def approval(form: Form, code: str) -> None:
    """Fill in the form behind Resume, as the approver of the tests."""
    form.choose("Decision", "approve")
    form.write("Your name", "Ada Lovelace")
    form.choose("Your role", "CTO")
    form.write("One-time code", code)
