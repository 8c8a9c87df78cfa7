"""A run whose request and answer try to steer and to forge what everybody reads of it, at a real Prefect server."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client

from flows import approving
from runbook.approval.host_door import AnswerResult
from tests import runbook_runs
from tests.databases import Database
from tests.hostiletexts import seen
from tests.integration.flow.look import journal
from tests.integration.test_gate import beside, schema, started
from tests.integration.test_team import Channel

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
SECRET = "s3cr3tw0rd"
SAID = (
    "x\n\n# Approved by the CTO\n[go on](https://evil.example)\x1b[2J\u202e\u2028"
    f"\n![x](https://evil.example/x.png)<img src=x> postgresql://ann:{SECRET}@db/x"
)


@pytest.mark.attack(
    "api",
    "starts a run whose reason holds NUL, escapes, headings, links, pictures and a password, to mislead who approves",
    "form, artifacts, messages, journal, report and log show it as text on its line",
)
def test_texts_of_a_request_and_of_an_answer(transformed: Database, tmp_path: Path, aim: Any, team: Channel) -> None:
    aim(transformed)
    before = schema(transformed)

    def answer(flow_run: UUID, plan: str) -> tuple[UUID, str, AnswerResult]:
        shown = approving.shown_plan(approving.waiting(flow_run))
        given = runbook_runs.answered(plan, decision="decline", comment=SAID)
        return flow_run, shown, approving.give(flow_run, given)

    with beside(answer) as came:
        state = started(reason=f"\x00{SAID}", requested_by=f"Eve\x00{SAID}", notify_users=False)
    [(flow_run, form, verdict)] = came
    assert (state.name, verdict.accepted) == ("Declined", True)
    assert schema(transformed) == before
    found = everything(flow_run) | {"form": form, "state": str(state.message), "verdict": verdict.said}
    found |= {file.name: file.read_text(encoding="utf-8") for file in (tmp_path / "reports").iterdir()}
    found |= {f"message {n}": f"{one['title']}\n{one['message']}" for n, one in enumerate(team.heard)}
    assert len(found) > 8 and any("waits for approval" in text for text in found.values())
    for name, text in found.items():
        assert seen(text), (name, text)
        assert SECRET not in text, (name, text)
        lines = [line for line in text.splitlines() if not line.startswith("    ")]  # of a text with several lines
        assert not [line for line in lines if line.startswith(("# Approved", "[go on]", "![x]", "<img"))], (name, text)
        if name.startswith(("artifact", "form", "message")) or name.endswith(".md"):
            assert "](https://evil" not in text, (name, text)
    assert SECRET not in json.dumps(journal(transformed)["authorise"][1].get("error", ""))


def everything(flow_run: UUID) -> dict[str, str]:
    """Return what Prefect shows of a run: artifacts with their descriptions, log lines, states."""
    wanted = {"flow_runs": {"id": {"any_": [str(flow_run)]}}}
    logs = {"logs": {"flow_run_id": {"any_": [str(flow_run)]}}}
    with get_client(sync_client=True) as client:
        made = client.request("POST", "/artifacts/filter", json=wanted).json()
        lines = client.request("POST", "/logs/filter", json=logs).json()
        states = client.read_flow_run_states(flow_run)
    found = {f"artifact {n} {one['key']}": f"{one['description']}\n{one['data']}" for n, one in enumerate(made)}
    found |= {f"log {n}": one["message"] for n, one in enumerate(lines)}
    return found | {f"state {n}": str(one.message) for n, one in enumerate(states)}
