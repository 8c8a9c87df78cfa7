"""Somebody who reaches Prefect's API tampers with a run that waits: nothing changes, people hear, the wait goes on."""

import io
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from uuid import UUID

import httpx
import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.states import Cancelled, Running
from rich.console import Console

from flows import approving, prompting
from flows.rollback import rollback
from runbook import settings
from runbook.approval import approvals, host_door
from runbook.approval.host_door import AnswerResult
from runbook.models import Plan
from runbook.request import RollbackRequest
from tasks import authorise
from tests import runbook_runs
from tests.databases import Database
from tests.integration.test_team import Channel
from tests.waiting import until

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]
TRIES = "SELECT accepted::text || ' ' || why FROM rollback.approval_try ORDER BY id"
DOOR = "SELECT door FROM rollback.approval_try ORDER BY id DESC LIMIT 1"
THEO = {"name": "Theo Lead", "role": "Team Lead"}


class Attack:
    """One flow run that waits, and somebody who has Prefect's API."""

    def __init__(self, flow_run: UUID, plan: str, api: SyncPrefectClient) -> None:
        self.run, self.plan, self.api = flow_run, plan, api

    def answer(self, **said: Any) -> dict[str, Any]:
        """Return the fields of a good answer."""
        code = said["code"] if "code" in said else runbook_runs.code(said.get("name", "Ada Lovelace"))
        rest = {"plan": self.plan, "comment": "", "lead_unreachable": "", "without_rehearsal": ""}
        return {**runbook_runs.APPROVAL, **rest, **said, "code": code}

    def waits(self, but: str = "") -> str:
        """Wait for the form of a pause, another one than that of this key, and return the key of its answer."""
        until(lambda: self.key() != but)
        return self.key()

    def key(self) -> str:
        state = approving.paused(self.run).state
        assert state and state.state_details.run_input_keyset
        return state.state_details.run_input_keyset["response"]

    def resume(self, said: dict[str, Any] | None) -> str:
        """Answer as the form does; return what the server says."""
        try:
            return str(self.api.resume_flow_run(self.run, run_input=said).status.value)
        except httpx.HTTPStatusError as error:
            return str(error.response.status_code)

    def write(self, key: str, value: str) -> None:
        self.api.create_flow_run_input(self.run, key, value)

    def force(self) -> None:
        self.api.set_flow_run_state(self.run, Running(), force=True)

    def delete(self, key: str) -> None:
        self.api.delete_flow_run_input(self.run, key)

    def stored(self) -> str:
        """Return everything that Prefect keeps of the run's inputs."""
        return json.dumps([row.value for row in self.api.filter_flow_run_input(self.run, "p", 200, set())])

    def here(self, **said: Any) -> host_door.AnswerResult:
        """Answer at the host door."""
        return host_door.give(settings.load(), str(self.run), runbook_runs.answered(self.plan, **said))


@contextmanager
def attacked(act: Callable[[Attack], None]) -> Iterator[list[BaseException]]:
    """Let somebody act on the run that waits in this block; the run is declined at the host door in the end."""
    wrong: list[BaseException] = []

    def work(flow_run: UUID, plan: str) -> None:
        with get_client(sync_client=True) as api:
            attack = Attack(flow_run, plan, api)
            try:
                act(attack)
            except BaseException as error:
                wrong.append(error)
            finally:
                if not attack.here(decision="decline", comment="It was attacked.", **THEO).accepted:
                    wrong.append(AssertionError("the host door does not decline"))

    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        Thread(target=work, args=(UUID(flow_run), plan.hash[:12]), daemon=True).start()

    with approvals.heard(tell):
        yield wrong


def held(act: Callable[[Attack], None], database: Database) -> list[str]:
    """Run, attack, and return what was written down; the run ended by the decline at the host door alone."""
    before = database.checksums()
    with attacked(act) as wrong:
        state: State[Any] = rollback(RollbackRequest.model_validate(runbook_runs.REQUEST), return_state=True)
    if wrong:
        raise wrong[0]
    assert state.name == "Declined"
    assert "It was attacked." in str(state.message)
    assert database.checksums() == before
    assert database.column("SELECT outcome FROM rollback.run") == ["declined"]
    assert re.fullmatch(r"terminal on \S+ \(\w+.*\)", database.value(DOOR))
    tries = database.column(TRIES)
    assert [one.split()[0] for one in tries] == ["false"] * (len(tries) - 1) + ["true"]
    return tries[:-1]


@pytest.mark.attack(
    "api",
    "answers with NUL, half characters, other scripts' digits, huge texts, other types, or nothing",
    "refused; the wait goes on",
)
def test_no_answer_that_fits_the_form_ends_the_run(
    transformed: Database, aim: Callable[[Database], Database], team: Channel
) -> None:
    def act(attack: Attack) -> None:
        for changed in (
            {"comment": "before\0after", "code": "000000"},
            {"name": "Ada\0Lovelace", "code": "111111"},
            {"code": "".join(chr(0xFF10 + digit) for digit in range(1, 7))},
            {"code": "12345" + "6" * 35},
            {"plan": "\u202e\u2028x", "code": "222222"},
        ):
            key = attack.waits()
            assert attack.resume(attack.answer(**changed)) == "ACCEPT", changed
            attack.waits(but=key)
        huge: dict[str, Any] = {"comment": "x" * 3_000_000}
        refused: list[dict[str, Any]] = [huge, {"code": 123456}, {"name": ["Ada"]}, {"role": {}}, {"verdict": "yes"}]
        for unfit in refused:
            assert attack.resume({**attack.answer(code="333333"), **unfit}) in ("REJECT", "413", "422"), unfit
        half = json.dumps({"run_input": {**attack.answer(code="444444"), "comment": "\ud800"}}).encode()
        url = f"{attack.api.api_url}".rstrip("/") + f"/flow_runs/{attack.run}/resume"
        assert not httpx.post(url, content=half, headers={"Content-Type": "application/json"}).is_success

    aim(transformed)
    tries = held(act, transformed)
    assert len(tries) == 5, tries
    assert not any("could not be judged" in one for one in tries)


@pytest.mark.attack(
    "api",
    "replaces or deletes an approver's answer a second after it came",
    "it counts as it came or not at all, and its code is worth nothing afterwards",
)
def test_an_answer_that_is_replaced_or_deleted_counts_nothing_nor_does_its_code_later(
    transformed: Database, aim: Callable[[Database], Database], team: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(attack: Attack) -> None:
        key, no = attack.waits(), attack.answer(decision="decline")
        assert attack.resume(no) == "ACCEPT"
        time.sleep(authorise.form.AT_ONCE.total_seconds())  # however fast the machine is: too late for the form itself
        attack.delete(key)
        attack.write(key, json.dumps({**no, "decision": "approve"}))
        second = attack.waits(but=key)
        assert no["code"] not in attack.stored()
        # The same code, and one that they might have read and deleted before the run saw it.
        assert attack.resume({**no, "decision": "approve"}) == "ACCEPT"
        third = attack.waits(but=second)
        assert attack.resume(attack.answer(**THEO)) == "ACCEPT"
        attack.waits(but=third)
        assert "used before" in attack.here(code=no["code"]).said

    aim(transformed)
    monkeypatch.setattr(authorise, "POLL_SECONDS", 3)  # time for the attacker, who else would have to be quick
    tries = held(act, transformed)
    assert "somebody wrote or replaced it" in tries[0]
    assert [("tampered" in one, "No answer counts at Prefect until" in one) for one in tries[1:3]] == [(True, True)] * 2
    until(lambda: any("tampers with it" in heard["message"] for heard in team.heard))


@pytest.mark.attack(
    "api",
    "writes answers, verdicts and doors of their own beside the form",
    "the run believes the one answer that came with the one resume; the rest is told",
)
def test_nothing_written_beside_the_form_counts(
    transformed: Database, aim: Callable[[Database], Database], team: Channel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(attack: Attack) -> None:
        key = attack.waits()
        attack.write(f"{key}-verdict", json.dumps({"accepted": True, "said": "Forged."}))
        attack.write(f"{key}-door", json.dumps("the CTO's own terminal"))
        key = attack.waits(but=key)  # the run noticed, and asks anew
        wrong = approving.give(attack.run, runbook_runs.answered(attack.plan, code="999999"))
        assert not wrong.accepted and "Forged" not in wrong.said
        key = attack.waits(but=key)
        for value in ("no json {", '"text"', "null", "[" * 100_000, json.dumps({"comment": "\ud800", "code": "\0"})):
            attack.write(key, value)
            attack.force()
            key = attack.waits(but=key)
        attack.delete(key.replace("response", "schema"))
        key = attack.waits(but=key)
        attack.delete(key.replace("response", "description"))
        attack.write(key.replace("response", "description"), json.dumps("Approve at once, all is well."))
        key = attack.waits(but=key)
        attack.force()
        attack.waits(but=key)

    aim(transformed)
    monkeypatch.setattr(authorise, "FORM_SECONDS", 0.2)
    tries = held(act, transformed)
    # What is written beside the form may be noticed before it is set going: then it is one try more.
    assert len(tries) >= 10, tries
    assert sum("changed, or deleted" in one for one in tries) >= 3
    assert sum("without an answer" in one for one in tries) >= 1
    assert "the CTO's own terminal" not in str(transformed.column("SELECT door FROM rollback.approval_try"))
    until(lambda: any("tampers with it" in heard["message"] for heard in team.heard))


@pytest.mark.attack(
    "api",
    "answers over Prefect where that door is closed",
    "only the terminal of the worker's host counts",
)
def test_where_the_form_is_closed_answers_count_at_the_host_alone(
    transformed: Database, aim: Callable[[Database], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    def act(attack: Attack) -> None:
        key = attack.waits()
        assert "rollback approve" in approving.shown_plan(approving.paused(attack.run))
        assert attack.resume(attack.answer()) == "REJECT"
        assert attack.resume({}) == "ACCEPT"
        key = attack.waits(but=key)
        attack.write(key, json.dumps(attack.answer()))
        attack.force()
        attack.waits(but=key)

    aim(transformed)
    monkeypatch.setenv("ROLLBACK_FORM_ANSWERS", "false")
    tries = held(act, transformed)
    assert ["in this installation" in one for one in tries[:1]] == [True]
    assert len(tries) >= 2


@pytest.mark.attack(
    "api",
    "declines in an approver's name without a code",
    "the run ends as cancelled by nobody that is known; no decision is recorded",
)
def test_a_decline_without_a_code_ends_the_run_and_proves_nobody(
    transformed: Database, aim: Callable[[Database], Database], team: Channel
) -> None:
    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        def act() -> None:
            with get_client(sync_client=True) as api:
                attack = Attack(UUID(flow_run), plan.hash[:12], api)
                attack.waits()
                said = {**attack.answer(code="000000"), "decision": "decline"}
                attack.resume({name: value for name, value in said.items() if name != "code"})

        Thread(target=act, daemon=True).start()

    aim(transformed)
    with approvals.heard(tell):
        state: State[Any] = rollback(RollbackRequest.model_validate(runbook_runs.REQUEST), return_state=True)
    assert state.name == "Cancelled"
    assert "Somebody who gave the name 'Ada Lovelace' declined at Prefect without a code" in str(state.message)
    assert transformed.column("SELECT outcome FROM rollback.run") == ["cancelled"]
    until(lambda: any("CANCELLED" in heard["title"] for heard in team.heard))


@pytest.mark.attack(
    "api",
    "reads a code at one run, cancels that run before it is judged, and sends the code to another",
    "where a wait ends without an answer that counts, no code counts at Prefect for two minutes, in any run",
)
def test_a_code_of_a_cancelled_run_counts_for_no_other(
    transformed: Database, aim: Callable[[Database], Database]
) -> None:
    aim(transformed)
    before, stolen, request = transformed.checksums(), list[str](), dict(runbook_runs.REQUEST)

    def work(flow_run: UUID) -> None:
        stolen.append(runbook_runs.code("Ada Lovelace"))
        approving.paused(flow_run)
        with get_client(sync_client=True) as api:
            api.set_flow_run_state(flow_run, Cancelled(), force=True)

    def cancel(flow_run: str | None, _plan: Plan, _request: RollbackRequest) -> None:
        Thread(target=work, args=(UUID(flow_run),), daemon=True).start()

    with approvals.heard(cancel):
        ended: State[Any] = rollback(RollbackRequest.model_validate(request), return_state=True)
    assert ended.name == "Cancelled"

    def relay(attack: Attack) -> None:
        key = attack.waits()
        assert attack.resume(attack.answer(code=stolen[0])) == "ACCEPT"
        attack.waits(but=key)

    with attacked(relay) as wrong:
        state: State[Any] = rollback(RollbackRequest.model_validate(request), return_state=True)
    assert wrong == [] and state.name == "Declined"
    assert "No answer counts at Prefect until" in transformed.column(TRIES)[0]
    assert transformed.checksums() == before


def test_a_decline_from_elsewhere_is_asked_for_no_code_and_ends_the_run(
    transformed: Database, aim: Callable[[Database], Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    aim(transformed)
    before, said, results = transformed.checksums(), io.StringIO(), list[AnswerResult]()
    typed = iter(["decline", "Ada Lovelace", "CTO", "", "A hotfix is ready."])
    monkeypatch.setattr("builtins.input", lambda *_: next(typed))

    def give(flow_run: UUID, plan: str) -> None:
        answer = prompting.ask(Console(file=said, width=200), plan, here=False)
        results.append(approving.give(flow_run, answer))

    with approvals.heard(lambda run, plan, _: Thread(target=give, args=(UUID(run), plan.hash[:12])).start()):
        state: State[Any] = rollback(RollbackRequest.model_validate(runbook_runs.REQUEST), return_state=True)
    until(lambda: bool(results))
    assert state.name == "Cancelled" and "declined at Prefect without a code" in str(state.message)
    assert results[0].accepted and "The run has ended (Cancelled)" in results[0].said
    assert "no code is asked" in said.getvalue() and "One-time code" not in said.getvalue()
    assert transformed.checksums() == before and transformed.column("SELECT name FROM rollback.approval") == []
