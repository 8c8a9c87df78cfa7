"""The locks in plan and report follow what the plan runs."""

import re
from dataclasses import replace
from io import StringIO
from typing import Any

from rich.console import Console

from runbook.planning import locks
from runbook.planning.planpage import plan_markdown
from runbook.telling import report, terminal
from runbook.telling.summary import Summary
from tests import samples


def section(page: str) -> str:
    return page.partition("## Locks\n")[2].partition("\n## ")[0]


def planned(**changes: Any) -> str:
    return section(plan_markdown(samples.plan(**changes), samples.request(), samples.at(6)))


def test_the_plan_says_what_is_locked_and_what_others_can_do() -> None:
    text = planned()
    for row in (
        r"| settle OAuth users:\d+ | LOCK TABLE public.users IN SHARE ROW EXCLUSIVE MODE | SHARE ROW EXCLUSIVE | users",
        r"| 012:\d+ | LOCK TABLE public.users IN ACCESS EXCLUSIVE MODE | ACCESS EXCLUSIVE | users | nothing |",
        r"| ACCESS EXCLUSIVE | analytics_events, benchmark_ab_tests, benchmark_datasets and 6 more | nothing |",
    ):
        assert re.search(row.replace("|", r"\|"), text), row
    assert len(text.splitlines()) < 25
    assert "none new" not in text


def test_the_plan_lists_every_statement() -> None:
    lines = {line.removeprefix("- ").partition(":")[0]: line for line in planned().splitlines() if line[:2] == "- "}
    assert re.search(r"\d+ CREATE SCHEMA, \d+ CREATE TABLE,", lines["012"])
    assert re.search(r"\d+ ALTER TYPE \(EXCLUSIVE on type conversation_status\)", lines["011"])
    steps = locks.files_of(samples.plan())
    for lock in locks.of(samples.plan()):
        if lock.line and not lock.tables:
            assert f" {lock.line} " in lines[steps[lock.file]]
        elif lock.line:
            assert f"| {steps[lock.file]}:{lock.line} |" in planned()


def test_a_script_that_is_skipped_locks_nothing() -> None:
    skipped = [replace(one, action="skip") if one.migration == "012" else one for one in samples.plan().scripts]
    text = planned(scripts=skipped, oauth="keep")
    assert "| 012:" not in text
    assert "settle OAuth users" not in text
    assert "| 011:" in text


def test_the_choice_for_oauth_users_is_the_plans() -> None:
    assert "DELETE FROM public.users" not in planned()
    assert "DELETE FROM public.users" in planned(oauth="delete")


def test_nothing_to_roll_back_locks_nothing() -> None:
    assert planned(migrations=dict.fromkeys(("010", "011", "012", "013"), "absent"), scripts=()) == ""


def measured() -> Summary:
    """Return a run whose locks were measured."""
    took = [
        {"table": "users", "mode": "SHARE ROW EXCLUSIVE", "seconds": 0.084, "waiting": ["psql (pid 7)"]},
        {"table": "conversations", "mode": "ACCESS EXCLUSIVE", "seconds": 12.5, "waiting": []},
        {"table": "messages", "mode": "ACCESS EXCLUSIVE", "seconds": 12.5, "waiting": []},
    ]
    steps = [replace(one, found={"locks": took}) if one.name == "verify the schema" else one for one in samples.steps()]
    return samples.summary(steps=steps)


def test_the_report_lists_every_statement_and_what_was_measured() -> None:
    text = section(report.markdown(measured()))
    long = text.index("| conversations, messages | ACCESS EXCLUSIVE | 12.5 s | nobody |")
    assert long < text.index("| users | SHARE ROW EXCLUSIVE | 84 ms | psql (pid 7) |")
    for lock in locks.of(samples.plan()):
        if lock.line:
            assert f"`{lock.file.rpartition('/')[2]}:{lock.line}`" in text
    assert section(report.markdown(samples.failed())) == ""


def test_the_terminal_names_the_longest() -> None:
    said = StringIO()
    terminal.summary(measured(), Console(file=said, width=120))
    assert "Longest lock  ACCESS EXCLUSIVE on conversations, 12.5 s" in said.getvalue()
    silent = StringIO()
    terminal.summary(samples.failed(), Console(file=silent, width=120))
    assert "Longest lock" not in silent.getvalue()


def test_the_evidence_has_the_locks_the_longest_first() -> None:
    found = [one["table"] for one in report.evidence(measured())["locks"]]
    assert found == ["conversations", "messages", "users"]
