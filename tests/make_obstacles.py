"""Write docs/obstacles.md, what teams add to a database and what becomes of it: python -m tests.make_obstacles.

Each case of tests/hostile is planned and run on a database of its own. With --combinations N as many random
combinations are tried too (--seed chooses others), and what is wrong is printed; nothing of them stands on the page.
--jobs says how many servers are used at a time.
"""

import argparse
import logging
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import hypothesis
import pytest
from hypothesis import HealthCheck, Phase, given

from tests import servers
from tests.databases import Templates
from tests.hostile import alone, judging, runner, together
from tests.hostile.case import Case
from tests.hostile.catalogue import CASES, TOPICS
from tests.make_readme import table

FILE = Path(__file__).parent.parent / "docs" / "obstacles.md"
HEADER = ("what is there", "SQL", "what the plan says of it", "what becomes of it")
SHORT, LONG = 160, 240
"""How many characters of SQL and of the plan are shown."""
INTRODUCTION = """# What teams add, and what becomes of a rollback there

Each line was tried: the objects or settings were added to a transformed database, a rollback was planned there, and run
if the plan said that it can go ahead. All rows and all objects of all schemas were compared with what they were before,
by queries of the tests' own. *Goes ahead* means: the run came to its end, the result is the old release's schema, and
nothing is different that the plan did not say. *Blocked* means: the plan named it, nothing at all was changed, and the
transaction would have failed, or broken something.

Written by `make obstacles`. Where the line says nothing else, the choice for OAuth users is 'temporary passwords'.
"""


def main() -> int:
    """Write the page; return 1 where something is not as it should be."""
    options = _options()
    logging.disable(logging.CRITICAL)
    wrong = written(options.jobs)
    if options.combinations:
        with _templates(together.VERSION) as templates:
            wrong += combined(templates, options.combinations, options.seed)
    return 1 if wrong else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--combinations", type=int, default=0, help="how many random combinations are tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    return parser.parse_args()


@contextmanager
def _templates(version: str) -> Iterator[Templates]:
    running = servers.start(version, None, **runner.SERVER)
    try:
        yield Templates(running)
    finally:
        running.stop()


def written(jobs: int) -> int:
    """Try each case alone on the newest of its versions and write the page; return how many are not right."""
    with ProcessPoolExecutor(jobs) as pool:
        tried = [one for part in pool.map(_tried, [CASES[number::jobs] for number in range(jobs)]) for one in part]
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(page({name: outcome for name, outcome, _ in tried}), encoding="utf-8")
    return sum(bool(faults) for _, _, faults in tried)


def _tried(cases: Sequence[Case]) -> list[tuple[str, runner.Outcome, list[str]]]:
    """Try some cases, each alone, on servers of their own; say of each what became of it."""
    logging.disable(logging.CRITICAL)
    found = []
    for version in sorted({case.versions[-1] for case in cases}):
        with _templates(version) as templates:
            for case in (case for case in cases if case.versions[-1] == version):
                with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
                    found.append((case.name, *alone.tried(templates, case, Path(folder), patch)))
                _print(case.name, found[-1][2])
    return found


def combined(templates: Templates, count: int, seed: int) -> int:
    """Try random combinations; print what is wrong and return how many are."""
    wrong = 0

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(cases=together.some(willing=False) | together.some(willing=True))
    def attempt(cases: Sequence[Case]) -> None:
        nonlocal wrong
        with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
            faults = together.faults(templates, cases, Path(folder), patch)
        if faults:
            wrong += 1
            _print(" + ".join(case.name for case in cases), faults)

    attempt()
    return wrong


def _print(name: str, faults: Sequence[str]) -> None:
    sys.stdout.write("".join([f"{'not right' if faults else 'ok'}: {name}\n", *(f"  - {one}\n" for one in faults)]))
    sys.stdout.flush()


def page(outcomes: dict[str, runner.Outcome]) -> str:
    """Return the page."""
    sections = [
        f"\n## {topic}\n\n{table(HEADER, [row(case, outcomes[case.name]) for case in cases])}"
        for topic, cases in TOPICS.items()
    ]
    return INTRODUCTION + "".join(sections)


def row(case: Case, outcome: runner.Outcome) -> tuple[str, str, str, str]:
    """Return a line of the page."""
    return (*beginning(case), _cell(_says(case, outcome), LONG), _becomes(outcome))


def beginning(case: Case) -> tuple[str, str]:
    """Return the cells that do not depend on a run."""
    options = ", ".join(f"{name} '{value}'" for name, value in case.request.items())
    newest = f", PostgreSQL {case.versions[-1]}" if case.versions[-1] != together.VERSION else ""
    return f"{case.name}{f' ({options})' if options else ''}{newest}".replace(
        "|", "\\|"
    ), f"`{_cell(case.short, SHORT)}`"


def _cell(text: str, width: int) -> str:
    """Write a text so that a table's cell can hold it."""
    text = re.sub(r"test_\d+_\d+", "digitaltwin", " ".join(text.split())).replace("`", "'")
    return (text if len(text) <= width else f"{text[: width - 1]}…").replace("|", "\\|").replace("<", "&lt;")


def _says(case: Case, outcome: runner.Outcome) -> str:
    """Return what the plan says of a case: the blockers, or the first line that it must have."""
    if outcome.word == "blocked":
        named = [one for one in outcome.blockers if judging.said(case.says, one)]
        return (named or list(outcome.blockers) or [""])[0]
    lines = [line for line in outcome.page.splitlines() if case.says and judging.said(case.says, line)]
    return re.sub(r"^[-*\d. ]+", "", lines[0]) if lines else "nothing"


def _becomes(outcome: runner.Outcome) -> str:
    return {"goes ahead": "goes ahead", "blocked": "blocked; nothing is changed"}.get(outcome.word, "fails")


if __name__ == "__main__":
    sys.exit(main())
