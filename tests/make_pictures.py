"""Make the pictures of Prefect's pages in the documents: make pictures, or python -m tests.make_pictures [FOLDER].

The demo's world, a real server, a real worker and a real browser: what is seen is what happened. The names of this
machine's folders are replaced by others before a picture is taken, as in the picture of the demo.
"""

import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, expect
from rich.console import Console

from runbook.demo import world
from tests.acceptance import browser, site
from tests.acceptance.operator import APPROVERS, ROOT, code
from tests.acceptance.site import Site

FOLDER = ROOT / "deployments" / "pictures"
NAMES = ("form", "approval", "run", "report")
"""The pictures, in the order in which they are taken; each is a file of this name, .png."""
WIDTH, HEIGHT = 1280, 900
SECONDS = 60_000
DRAWN = 3_000
"""How long the graph of a run takes to settle, in ms."""
LIMIT = 300_000
"""Bytes of a picture."""
INCIDENT = "INC-2041"
INSTALLED = "/opt/rollback-runbook"
"""Where the runbook is installed, as pictures show it: the demo's compose program lies there."""
FOLDER_SHOWN, UI_SHOWN, HOST_SHOWN = "/srv/rollback", "https://prefect.example.org", "app.example.org"
"""What the pictures call the folder of the demo's world, Prefect's pages, and the application's host."""
REPLACE = """([from, to]) => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    if (node.data.includes(from)) node.data = node.data.replaceAll(from, to);
  }
}"""


Look = Callable[[str, Page, Site], None]
"""Looks at the page of a picture: its name, the page, and the site to which it belongs."""


def main(folder: Path = FOLDER, look: Look = lambda _shown, _page, _place: None) -> None:
    """Play the story once and keep its pictures in ``folder``; ``look`` is called after each."""
    if not browser.CHROMIUM.exists():
        raise SystemExit(f"No pictures: {browser.MISSING}.")
    with tempfile.TemporaryDirectory(prefix="pictures-") as name:
        place = Path(name)
        with _site(place) as opened, browser.opened(WIDTH, HEIGHT) as page:
            for shown in _play(page, opened):
                _take(page, opened, folder / f"{shown}.png")
                look(shown, page, opened)


@contextmanager
def _site(place: Path) -> Iterator[Site]:
    """Make the demo's world, and a server and a worker for it, with an approver whose codes this program knows."""
    demo = place / "demo"
    before = dict(os.environ)
    world.empty(demo)
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "ROLLBACK_"))]:
        del os.environ[name]
    try:
        with world.made(demo, Console().print):
            approvers = place / "approvers.toml"
            approvers.touch(mode=0o600)
            approvers.write_text(APPROVERS)
            ours = {
                "ROLLBACK_APPROVERS_FILE": str(approvers),
                "PREFECT_HOME": str(place / "prefect"),
                "ROLLBACK_REHEARSAL_DAYS": "0",
                "PYTHONPATH": str(ROOT),
            }
            with site.opened({**os.environ, **ours}, place) as opened:
                yield opened
    finally:
        os.environ.clear()
        os.environ.update(before)


def _play(page: Page, place: Site) -> Iterator[str]:
    """Start, approve, watch; give the name of a picture whenever there is something to see."""
    form = browser.run_form(page, place.ui, "rollback/production")
    browser.request(form, INCIDENT, "critical functionality broken: chat", release="v1")
    _top(page)
    yield "form"
    browser.start(form)
    browser.go_to_run(page, f"{INCIDENT} on production")
    expect(page.get_by_role("button", name="Resume").first).to_be_visible(timeout=SECONDS)
    yield from _approve(page)
    browser.watch(page)
    page.wait_for_timeout(DRAWN)
    yield "run"
    browser.open_artifact(page, "report")
    expect(page.get_by_role("heading", name="Rolled back:")).to_be_visible()
    page.wait_for_timeout(DRAWN)
    yield "report"


def _approve(page: Page) -> Iterator[str]:
    """Open the form behind Resume, read the plan, approve."""
    answer = browser.answer_form(page)
    expect(answer.place.get_by_text("Can go ahead").first).to_be_visible()
    browser.approval(answer, code())
    _top(page)
    yield "approval"
    answer.submit()


def _top(page: Page) -> None:
    """Show the upper end of whatever was scrolled."""
    page.evaluate("document.querySelectorAll('*').forEach(one => one.scrollTo?.(0, 0))")
    page.wait_for_timeout(500)


def _take(page: Page, own: Site, file: Path) -> None:
    """Take a picture in which no name of this machine is seen. Raises SystemExit when one would be."""
    place = own.desk.folder
    folders = {str(place.resolve()): FOLDER_SHOWN, str(place): FOLDER_SHOWN, str(ROOT): INSTALLED}
    for name, shown in {**folders, own.ui: UI_SHOWN, "127.0.0.1": HOST_SHOWN}.items():
        page.evaluate(REPLACE, [name, shown])
    text = page.locator("body").inner_text()
    if seen := [
        name for name in (tempfile.gettempdir() + "/", str(ROOT), socket.gethostname(), "127.0.0.1") if name in text
    ]:
        raise SystemExit(f"No picture {file.name}: {', '.join(seen)} would be seen.")
    page.screenshot(path=file)
    size = file.stat().st_size
    Console().print(f"  {file.name}: {size // 1000} kB")
    if size > LIMIT:
        raise SystemExit(f"{file.name} is too large: {size} bytes, at most {LIMIT}.")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if sys.argv[1:] else FOLDER)
