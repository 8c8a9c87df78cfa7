from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest
from rich.console import Console

from runbook.errors import Blocked, RollbackError
from runbook.models import Step
from runbook.telling import terminal
from tests import samples


class Screen:
    """A terminal of some encoding whose output can be read."""

    def __init__(self, encoding: str = "utf-8", width: int = 100, *, real: bool = False) -> None:
        self.bytes = BytesIO()
        file = TextIOWrapper(self.bytes, encoding=encoding, write_through=True)
        self.console = Console(file=file, width=width, force_terminal=real, color_system=None, legacy_windows=False)

    def text(self) -> str:
        return self.bytes.getvalue().decode("utf-8")


def test_a_step_is_one_line_with_mark_duration_and_facts() -> None:
    screen = Screen()
    for step in samples.failed().steps:
        terminal.step(step, screen.console)
    lines = screen.text().splitlines()
    assert len(lines) == len(samples.failed().steps)
    assert lines[4] == "✓ back up                   23.1 s  214 MB, 342 entries, sha256 1f3a00000000"
    assert lines[6].startswith("✗ 012 ")


def test_in_ascii_nothing_else_is_written() -> None:
    screen = Screen("ascii")
    terminal.step(Step("fence", samples.at(0), samples.at(0, 1), "done", {"who": "Jürgen → …"}), screen.console)
    terminal.plan(samples.plan(), samples.request(reason="Käse ≥ 3"), screen.console, samples.at(6))
    terminal.summary(samples.summary(), screen.console)
    terminal.error(RollbackError("Grüße", "tu es, Käse"), screen.console)
    assert screen.text().isascii()
    assert screen.text().startswith("ok fence                      1.0 s  who J?rgen -> ...\n")


def test_a_long_fact_is_cut_on_a_terminal_and_whole_in_a_file() -> None:
    step = samples.step("verify", 0, 1, error="word " * 20)
    narrow, file = Screen(width=60, real=True), Screen(width=60)
    terminal.step(step, narrow.console)
    terminal.step(step, file.console)
    assert len(narrow.text().rstrip("\n")) <= 60
    assert narrow.text().rstrip().endswith("...")
    assert len(file.text().splitlines()) == 1
    assert file.text().count("word") == 20


def test_the_plan_shows_verdict_users_scripts_and_who_keeps_writing() -> None:
    screen = Screen()
    terminal.plan(samples.plan(), samples.request(), screen.console, samples.at(6))
    text = screen.text()
    assert text.startswith("Can go ahead: digitaltwin")
    for words in (
        "24 min left",
        "1,200",
        "012_rollback_oauth.sql",
        "KEEPS WRITING",
        "'delete': 214 users",
    ):
        assert words in text


@pytest.mark.parametrize("width", [80, 120])
def test_the_summary_shows_checks_backup_and_report_paths_unbroken(width: int) -> None:
    screen = Screen(width=width)
    run = samples.summary()
    path = samples.backup().path
    terminal.summary(run, screen.console, [Path("/srv/reports/report-INC-2041.md")])
    text = screen.text()
    assert text.startswith("Rolled back: digitaltwin (production)")
    assert any(path in line for line in text.splitlines())
    assert "/srv/reports/report-INC-2041.md" in text
    assert "message_sender" in text


def test_an_error_says_problem_state_and_remedy_as_they_are() -> None:
    screen = Screen()
    terminal.error(
        Blocked("Stopped [/bold] there", "Do [it]", "Nothing was touched.", ["no tag", "no room"]), screen.console
    )
    assert screen.text().splitlines() == [
        "Blocked: Stopped [/bold] there",
        "State: Nothing was touched.",
        "Do now: Do [it]",
        "  - no tag",
        "  - no room",
    ]


def test_nothing_a_database_calls_itself_steers_the_terminal() -> None:
    screen = Screen()
    terminal.step(samples.step("verify", 0, 1, found="\x1b[2J\x07boo"), screen.console)
    terminal.error(RollbackError("a\x1b[31mb"), screen.console)
    assert "\x1b" not in screen.text()
    assert "\x07" not in screen.text()
