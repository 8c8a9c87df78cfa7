"""The documents are true: commands, settings, files, steps and make targets are those of the code."""

import importlib
import pkgutil
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cyclopts import App
from prefect import Task

import tasks
from flows.cli import app
from runbook.planning import plan
from runbook.settings import Settings
from tests import make_readme

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "RUNBOOK.md",
    "CHANGELOG.md",
    "MECHANICS.md",
    "PROCEDURE.md",
    "TUTORIAL.md",
    "deployments/README.md",
    "benchmarks/README.md",
)
OURS = ("flows", "tasks", "runbook", "sql", "deployments", "benchmarks", "tests")


def text(page: str) -> str:
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(page: str, language: str = "bash") -> Iterator[str]:
    """Return the page's code blocks, with lines joined that end in a backslash."""
    for block in re.findall(rf"^ *```{language}\n(.*?)^ *```", text(page), flags=re.M | re.S):
        yield re.sub(r"\\\n *", "", block)


def commands(page: str) -> set[str]:
    """Return all commands of the page that begin with rollback, in blocks and in running text."""
    lines = [line.strip() for block in blocks(page) for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", text(page))
    lines = [re.sub(r"^(?:[A-Z_]+=\S+ )+", "", line) for line in lines]
    return {line for line in lines if re.match(r"rollback [a-z]", line)}


def shown() -> list[str]:
    return sorted({command for page in PAGES for command in commands(page)})


@pytest.mark.parametrize("command", shown())
def test_each_command_exists_with_its_options(command: str) -> None:
    words = shlex.split(command, comments=True)[1:]
    names = [word for word in words if re.fullmatch(r"[a-z]+", word)]
    found: App = app
    while names and names[0] in found:
        found = found[names.pop(0)]
    assert found is not app, f"there is no command: {command}"
    known = {name for argument in found.assemble_argument_collection(parse_docstring=True) for name in argument.names}
    asked = {word.partition("=")[0] for word in words if word.startswith("--") and word != "--help"}
    assert asked <= known, command
    if "--incident" in asked:
        app.parse_args(words, exit_on_error=False, print_error=False)


def test_each_command_stands_in_the_readme() -> None:
    names = {name for name in app if not name.startswith("-")} - {"fence", "approvers", "snapshots"}
    names |= {"fence open", "approvers add", "approvers list", "approvers remove", "snapshots list", "snapshots tidy"}
    assert {name for name in names if f"| `rollback {name}` |" not in text("README.md")} == set()


def test_the_tables_of_the_readme_are_those_of_the_code() -> None:
    assert make_readme.written(text("README.md")) == text("README.md"), "python -m tests.make_readme writes them anew"


def test_each_setting_that_is_named_exists() -> None:
    named = {name for page in (*PAGES, "prefect.yaml") for name in re.findall(r"ROLLBACK_[A-Z_]*[A-Z]", text(page))}
    assert named <= {f"ROLLBACK_{name.upper()}" for name, _ in Settings.model_fields.items()}


def steps() -> set[str]:
    """Return the names of all tasks, as Prefect shows them."""
    names: set[str] = set()
    for module in pkgutil.iter_modules(tasks.__path__):
        for thing in vars(importlib.import_module(f"tasks.{module.name}")).values():
            if isinstance(thing, Task):
                names.add(str(thing.task_run_name))
    scripts = {stem.partition("_")[0] for stem in plan.SCRIPTS}
    return names - {"{script.title}"} | scripts


def rows(page: str, heading: str) -> list[str]:
    """Return the first cells of the first table below a heading."""
    below = text(page).split(f"\n{heading}\n", 1)[1]
    table = re.search(r"(?:^\|.*\n)+", below, flags=re.M)
    assert table
    return [line.split("|")[1].strip() for line in table[0].splitlines()[2:]]


REHEARSAL = {"clone production", "mask contacts", "test the application", "stop staging", "clean up"}
REHEARSAL |= {"put the application back", "publish history"}
"""Steps beside the rollback, on staging only."""


def test_the_runbook_knows_each_step() -> None:
    assert set(rows("RUNBOOK.md", "## It stopped")) - {"**commit**"} == steps() - REHEARSAL


def test_the_page_of_the_deployments_knows_the_rehearsals_steps() -> None:
    assert set(rows("deployments/README.md", "## How staging is cloned")) == REHEARSAL <= steps()


def test_the_readme_tells_the_whole_story() -> None:
    beside = {"start services again", "take over", "drop snapshot"} | REHEARSAL
    assert set(rows("README.md", "## The story")) - {"**commit**"} == steps() - beside


def tracked() -> list[str]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


@pytest.mark.parametrize("page", PAGES)
def test_each_file_that_is_named_exists(page: str) -> None:
    words = re.findall(r"[\w./-]+/[\w./-]*\w|[\w-]+\.(?:md|yaml|toml|sql)\b", text(page))
    ours = {word for word in words if word.split("/")[0] in OURS or re.fullmatch(r"[\w-]+\.(md|yaml|toml)", word)}
    made = re.compile(r"post-mortem-|report-|tests\.|docker-compose")
    assert {word for word in ours if not made.match(word) and not (ROOT / word).exists()} == set()


@pytest.mark.parametrize("page", PAGES)
def test_each_link_leads_somewhere(page: str) -> None:
    for target in re.findall(r"\]\((?!https?:)([^)]+)\)", text(page)):
        name, _, anchor = target.partition("#")
        file = (ROOT / page).parent / name if name else ROOT / page
        assert file.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.*)$", file.read_text(encoding="utf-8"), flags=re.M)
            assert anchor in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}, target


@pytest.mark.parametrize("page", PAGES)
def test_each_make_target_exists(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.M))
    assert set(re.findall(r"(?:`|^)make ([a-z-]+)", text(page), flags=re.M)) <= targets


def test_the_first_page_of_the_runbook_fits_a_page() -> None:
    first = text("RUNBOOK.md").split("\n---\n")[0]
    assert len(first.splitlines()) <= 56
    assert first.index("## 1. Decide") < 300


UNWANTED = re.compile(
    "|".join(
        (
            r"https?://[\w.-]*(?:py" "pi|python" "hosted|simple/)",  # a registry's address
            r"--(?:extra-)?index-url|--trusted-host",
            r"/(?:work|root|tmp)/\w|/home/(?!you/)\w",  # a path of one machine
            r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X)\b",
        )
    )
)


def test_no_tracked_file_knows_a_registry_or_a_machine_or_waits_to_be_written() -> None:
    found = []
    for name in tracked():
        try:
            lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
        except UnicodeDecodeError:
            continue
        found += [f"{name}:{n}: {line.strip()[:100]}" for n, line in enumerate(lines, 1) if UNWANTED.search(line)]
    assert [line for line in found if not line.startswith("tests/rules/test_docs.py")] == []


def test_the_picture_is_small_and_fetches_nothing() -> None:
    picture = text("deployments/pictures/demo.svg")
    assert len(picture) < 200_000
    assert "url(http" not in picture
