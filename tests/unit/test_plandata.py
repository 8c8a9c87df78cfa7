import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest

from runbook.models import Firing, Plan, Project
from runbook.outlook import Forecast, Verdict
from runbook.planning.plandata import plan_hash, plan_json
from tests import samples

PLAN = samples.plan()
FIRING = Firing("trigger", "audit", "users", ("UPDATE",), "audit", {"audit_log": ["INSERT"]}, readable=True)
Change = Callable[[Plan], Plan]

MATTERS: dict[str, Change] = {
    "system identifier": lambda p: replace(p, identity=replace(p.identity, system_identifier=1)),
    "database": lambda p: replace(p, identity=replace(p.identity, database="other")),
    "server version": lambda p: replace(p, identity=replace(p.identity, server_version=160015)),
    "migration state": lambda p: replace(p, migrations={**p.migrations, "013": "absent"}),
    "script content": lambda p: replace(p, scripts=[replace(p.scripts[0], sha256="0" * 64), *p.scripts[1:]]),
    "script action": lambda p: replace(p, scripts=[replace(p.scripts[0], action="skip"), *p.scripts[1:]]),
    "script file": lambda p: replace(p, scripts=[replace(p.scripts[0], name="x.sql"), *p.scripts[1:]]),
    "script order": lambda p: replace(p, scripts=list(reversed(p.scripts))),
    "one script less": lambda p: replace(p, scripts=p.scripts[1:]),
    "oauth": lambda p: replace(p, oauth="delete"),
    "gemini": lambda p: replace(p, gemini="remove"),
    "users": lambda p: replace(p, users={**p.users, "both": 32}),
    "removed": lambda p: replace(p, removed={}),
    "placeholders": lambda p: replace(p, placeholders={**p.placeholders, "users.password_hash": 215}),
    "cascade": lambda p: replace(p, cascade={**p.cascade, "messages": 40212}),
    "release commit": lambda p: replace(p, release=p.release and replace(p.release, commit="f" * 40)),
    "release tag": lambda p: replace(p, release=p.release and replace(p.release, tag="v1.8.2")),
    "no release": lambda p: replace(p, release=None),
    "verdict": lambda p: replace(p, verdict=replace(p.verdict, word="doubtful")),
    "kept": lambda p: replace(p, kept={"users": 1}),
    "blocking": lambda p: replace(p, blocking={"benchmark_results": 1}),
    "services": lambda p: replace(p, services=("backend",)),
    "what fires": lambda p: replace(p, fires=(FIRING,)),
    "keys that let orphans exist": lambda p: replace(p, unguarded=("a.b is not validated",)),
}
MOVES: dict[str, Change] = {
    "time": lambda p: replace(p, drawn_at=samples.at(9)),
    "sessions": lambda p: replace(p, sessions=()),
    "size": lambda p: replace(p, database_bytes=1),
    "sizes": lambda p: replace(p, sizes={"table messages": 1}),
    "forecast": lambda p: replace(p, forecast=Forecast((), 1, 1, "a guess")),
    "warnings": lambda p: replace(p, warnings=()),
    "blockers": lambda p: replace(p, blockers=("x",)),
    "wording": lambda p: replace(p, scripts=[replace(s, why="") for s in p.scripts]),
    "the hash itself": lambda p: replace(p, hash=""),
    "order of counts": lambda p: replace(p, users=dict(reversed(list(p.users.items())))),
    "compose program": lambda p: replace(
        p, release=p.release and replace(p.release, compose=Project(("docker-compose",)))
    ),
}


@pytest.mark.parametrize("change", MATTERS.values(), ids=MATTERS.keys())
def test_what_matters_changes_the_hash(change: Change) -> None:
    assert plan_hash(change(PLAN)) != PLAN.hash


@pytest.mark.parametrize("change", MOVES.values(), ids=MOVES.keys())
def test_what_moves_by_itself_does_not(change: Change) -> None:
    assert plan_hash(change(PLAN)) == PLAN.hash


def test_the_hash_is_the_same_in_every_process() -> None:
    words = "from tests import samples; print(samples.plan().hash)"
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed}
        said = subprocess.run([sys.executable, "-c", words], env=env, capture_output=True, text=True, check=True)
        assert said.stdout.strip() == PLAN.hash


def test_the_plan_as_json() -> None:
    data = json.loads(json.dumps(plan_json(PLAN)))
    assert (data["format"], data["go_ahead"], data["needed"]) == (5, True, True)
    assert data["drawn_at"] == "2026-11-22T22:04:00+00:00"
    assert data["release"]["compose"]["program"] == ["docker", "compose"]
    assert data["sessions"][2]["application"] == "realtime-service"
    assert set(data) == {"format", "go_ahead", "needed", "choices", *Plan.__dataclass_fields__}


def test_a_blocked_plan_and_one_with_nothing_to_do_cannot_go_ahead() -> None:
    assert not plan_json(samples.plan(blockers=("disk full",)))["go_ahead"]
    assert not plan_json(samples.plan(migrations={"010": "absent"}))["go_ahead"]
    assert not plan_json(samples.plan(verdict=Verdict("not justified", "x")))["go_ahead"]
    assert plan_json(samples.plan(verdict=Verdict("doubtful", "x")))["go_ahead"]
