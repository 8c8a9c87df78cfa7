"""The gate of a run: a real Prefect server, a real database, and people who answer well, badly, late or not at all."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any
from uuid import UUID

import pytest
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRun, State
from prefect.states import Running
from pydantic import SecretStr

from flows import approving
from flows.rollback import rollback
from runbook import private_files, settings, store
from runbook.approval import approvals, approverfile, approvers, asking, authority, host_door, onetime
from runbook.approval.host_door import AnswerResult
from runbook.errors import RollbackError
from runbook.models import Plan
from runbook.request import RollbackRequest
from tests import runbook_runs, waiting
from tests.databases import Database
from tests.integration.test_team import Channel, Listener

pytestmark = [
    pytest.mark.usefixtures("prefect"),
    pytest.mark.pg("18"),
    # One of apprise's plugins imports what Python 3.13 no longer has.
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),
]

DECLINE = {"decision": "decline", "comment": "We fix it forward."}


@pytest.fixture(autouse=True)
def _aimed(transformed: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runbook_runs.aim(monkeypatch, transformed, tmp_path)


def tries(database: Database) -> list[tuple[Any, ...]]:
    with database.connect() as conn:
        return conn.execute("SELECT name, door, accepted, why FROM rollback.approval_try ORDER BY id").fetchall()


def schema(database: Database) -> list[Any]:
    return database.column("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")


@contextmanager
def beside(act: Any) -> Iterator[list[Any]]:
    """Do something with a run that waits, on a thread of its own; what it returned, or raised, is in the list."""
    came: list[Any] = []
    threads: list[Thread] = []

    def work(flow_run: UUID, plan: Plan) -> None:
        try:
            came.append(act(flow_run, plan.hash[:12]))
        except Exception as error:
            came.append(error)

    def tell(flow_run: str | None, plan: Plan, request: RollbackRequest) -> None:
        threads.append(Thread(target=work, args=(UUID(flow_run), plan), daemon=True))
        threads[-1].start()

    approvals.listeners.append(tell)
    try:
        yield came
        for thread in threads:
            thread.join(30)  # the run may end before its answer is read
    finally:
        approvals.listeners.remove(tell)


def started(**request: Any) -> State[Any]:
    return rollback(RollbackRequest.model_validate({**runbook_runs.REQUEST, **request}), return_state=True)


@pytest.fixture
def channel(monkeypatch: pytest.MonkeyPatch) -> Iterator[Channel]:
    """The team's channel, which is Ada's contact as well."""
    made = Channel(("127.0.0.1", 0), Listener)
    made.heard = []
    Thread(target=made.serve_forever, daemon=True).start()
    url = f"json://127.0.0.1:{made.server_port}/"
    monkeypatch.setenv("ROLLBACK_TEAM_URLS", url)
    loaded = settings.load()
    approverfile.remove(loaded, "Ada Lovelace")
    approverfile.add(loaded, "Ada Lovelace", "CTO", url)
    yield made
    made.shutdown()
    made.server_close()


@pytest.mark.attack(
    "api",
    "answers a waiting run with another approver's code",
    "refused, the team is told, and the run goes on waiting",
)
def test_a_wrong_code_is_refused_and_asked_again_and_a_right_one_counts_at_once(
    transformed: Database, tmp_path: Path, channel: Channel
) -> None:
    sent: list[str] = []

    def answer(flow_run: UUID, plan: str) -> list[AnswerResult]:
        olga = runbook_runs.code("Olga Oncall")
        good = runbook_runs.answered(plan, comment=f"Not in time. {olga[:3]} {olga[3:]}; 000 001")
        theirs = runbook_runs.answered(plan, code=runbook_runs.code("Theo Lead"))
        sent.extend(said.code.get_secret_value() for said in (good, theirs))
        sent.append(olga)
        verdicts = [approving.give(flow_run, theirs)]
        shown = approving.shown_plan(approving.waiting(flow_run))
        assert shown.startswith("**The last answer does not count: The code is not Ada Lovelace's.**")
        return [*verdicts, approving.give(flow_run, good)]

    with beside(answer) as came:
        state = started()
    assert [verdict.accepted for verdict in came[0]] == [False, True]
    assert state.name == "Completed"
    assert "digital_twins" in schema(transformed)
    found = tries(transformed)
    assert [row[2] for row in found] == [False, True]
    assert any("waits for approval" in heard["title"] for heard in channel.heard)
    alarms = [heard["message"] for heard in channel.heard if "The code is not Ada Lovelace's" in heard["message"]]
    assert sorted(asking.IN_YOUR_NAME in alarm for alarm in alarms) == [False, True], "the team, and Ada herself"
    kept = "".join(file.read_text() for file in (tmp_path / "reports").iterdir())
    kept += str(found) + str(transformed.column("SELECT found::text FROM rollback.step"))
    assert "The code is not Ada Lovelace" in kept
    kept += str(transformed.column("SELECT comment FROM rollback.approval"))
    assert "Not in time. (code); (code)" in kept
    assert not [code for code in sent if code in kept.replace("-", " ").split()]
    assert "000 001" not in kept
    for one in approvers.read(settings.load()):
        assert one.secret.get_secret_value() not in kept


def test_wrong_answers_over_prefects_api_shut_nobody_out_and_a_lost_store_only_makes_the_run_wait(
    transformed: Database, channel: Channel
) -> None:
    def answer(flow_run: UUID, plan: str) -> list[Any]:
        good = runbook_runs.answered(plan, **DECLINE)
        wrong = good.model_copy(update={"code": SecretStr("000000")})
        fields = {**wrong.model_dump(exclude={"code"}), "decision": "approve"}
        with get_client(sync_client=True) as client:
            run = approving.waiting(flow_run)
            client.resume_flow_run(flow_run, run_input={**fields, "comment": runbook_runs.code("Olga Oncall")})
            paused_again(flow_run, response(run))
        said = [approving.give(flow_run, wrong) for _ in range(5)]
        shown = approving.shown_plan(approving.waiting(flow_run))
        one_code = approving.give(flow_run, good)
        store.place(settings.load()).chmod(0o644)
        theo = {**DECLINE, "name": "Theo Lead", "role": "Team Lead", "code": twice("Theo Lead")}
        both = runbook_runs.answered(plan, **theo)
        unusable = approving.give(flow_run, both)
        store.place(settings.load()).chmod(private_files.MODE)
        return [said, shown, one_code, unusable, approving.give(flow_run, both)]

    with beside(answer) as came:
        state = started()
    said, shown, one_code, unusable, counted = came[0]
    assert [one.accepted for one in [*said, one_code, unusable, counted]] == [False] * 7 + [True]
    assert authority.TWO_CODES in shown.replace("\\", "")
    assert authority.TWO_CODES in one_code.said
    assert "No answer can be checked" in unusable.said
    assert state.name == "Declined"
    assert "knowledge_bases" in schema(transformed)
    alarms = [heard["message"] for heard in channel.heard if "Look at who answers" in heard["title"]]
    assert len([alarm for alarm in alarms if "does not fit the form" in alarm]) == 2
    assert 2 * 4 <= len([alarm for alarm in alarms if "The code is not Ada Lovelace's" in alarm]) <= 2 * 5
    with store.transaction(settings.load()) as kept:
        assert kept.execute("SELECT count(*) FROM used_code WHERE NOT accepted").fetchone()[0] >= 1, "Olga's, and Ada's"


def twice(name: str) -> str:
    """Return the two newest codes of somebody's in a row."""
    one = approvers.find(approvers.read(settings.load()), name)
    assert one is not None
    return onetime.pair(one.secret.get_secret_value(), datetime.now(UTC))


@pytest.mark.attack(
    "api",
    "answers by Prefect's own API: resumes without an answer, sets the run's state, leaves fields out",
    "what Prefect stores approves nothing: the worker judges each answer",
)
def test_no_answer_gets_past_the_rules_by_prefects_own_api(transformed: Database) -> None:
    def answer(flow_run: UUID, plan: str) -> list[Any]:
        good = runbook_runs.answered(plan, **DECLINE)
        fields = {**good.model_dump(), "code": good.code.get_secret_value()}
        with get_client(sync_client=True) as client:
            run = approving.waiting(flow_run)
            refused = [
                client.resume_flow_run(flow_run, run_input=said).status.value
                for said in (
                    None,
                    {key: value for key, value in fields.items() if key != "plan"},
                    {**fields, "accepted": True},
                    {**fields, "role": "Intern"},
                )
            ]
            written = {**fields, "accepted": True, "code": "000000"}
            forced(client, flow_run, response(run), written)
            run = paused_again(flow_run, response(run))
            forced(client, flow_run, response(run), None)
            paused_again(flow_run, response(run))
            # Somebody tampers: for two minutes no code counts that they may have read.
            doubted = approving.give(flow_run, runbook_runs.answered(plan, name="Theo Lead", role="Team Lead"))
            assert "tampered" in doubted.said
        return [refused, host_door.give(settings.load(), str(flow_run), good).accepted]

    before = schema(transformed)
    with beside(answer) as came:
        state = started()
    assert came == [[["REJECT"] * 4, True]]
    assert state.name == "Declined"
    assert schema(transformed) == before
    assert [(row[0], row[2]) for row in tries(transformed)] == [
        ("not said", False),
        ("not said", False),
        ("not said", False),
        ("Ada Lovelace", True),
    ]
    assert "000000" not in str(tries(transformed))


def forced(client: SyncPrefectClient, flow_run: UUID, key: str, said: dict[str, Any] | None) -> None:
    """Write an answer, or none, past the form, and set the run going."""
    if said is not None:
        client.create_flow_run_input(flow_run, key, json.dumps(said))
    client.set_flow_run_state(flow_run, Running(), force=True)


def paused_again(flow_run: UUID, before: str) -> FlowRun:
    waiting.until(lambda: response(approving.waiting(flow_run)) != before)
    return approving.waiting(flow_run)


def response(run: FlowRun) -> str:
    """Return where Prefect looks for the answer of this pause."""
    assert run.state and run.state.state_details.run_input_keyset
    return run.state.state_details.run_input_keyset["response"]


@pytest.mark.attack(
    "api", "uses the code of one run for the next one", "a code counts once for all targets and databases of a worker"
)
def test_a_code_works_once_also_in_another_run_after_the_journal_is_gone(transformed: Database) -> None:
    code = runbook_runs.code("Ada Lovelace")
    with runbook_runs.answering({**DECLINE, "code": code}) as first:
        assert started().name == "Declined"
    with transformed.connect() as conn:  # what the database's owner can do, and what a restored backup does
        conn.execute("DROP SCHEMA rollback CASCADE")
    with runbook_runs.answering({"code": code}, {**DECLINE, "name": "Theo Lead", "role": "Team Lead"}) as second:
        assert started().name == "Declined"
    assert [verdict.accepted for verdict in first + second] == [True, False, True]
    assert "used before" in second[0].said
    assert "knowledge_bases" in schema(transformed)


@pytest.mark.attack("api", "lets nobody answer, so that the run goes on by itself", "silence declines")
def test_silence_declines_after_a_minute_of_the_real_clock(
    transformed: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLLBACK_DECISION_MINUTES", "1")
    flow_runs: list[UUID] = []
    with beside(lambda flow_run, plan: flow_runs.append(flow_run)):
        state = started(identified_at=datetime.now(UTC))
    assert state.name == "Declined"
    assert "No decision in time" in str(state.message)
    assert 55 < (datetime.now(UTC) - transformed.value("SELECT started FROM rollback.run")).total_seconds() < 75
    assert transformed.column("SELECT outcome FROM rollback.run") == ["declined"]
    assert tries(transformed) == []
    assert "knowledge_bases" in schema(transformed)
    with pytest.raises(RollbackError, match=r"the run has ended \(Declined\)"):
        approving.give(flow_runs[0], runbook_runs.answered("0" * 12))


@pytest.mark.attack(
    "api",
    "starts a run long after the incident was identified",
    "it is refused without a reason, which the approver reads",
)
def test_a_run_started_too_late_needs_a_reason_and_has_a_window_of_its_own(transformed: Database) -> None:
    late = datetime.now(UTC) - timedelta(minutes=31)
    refused = started(identified_at=late)
    assert refused.name == "Refused"
    assert "late_reason" in str(refused.message)

    def answer(flow_run: UUID, plan: str) -> str:
        shown = approving.shown_plan(approving.waiting(flow_run))
        approving.give(flow_run, runbook_runs.answered(plan, **DECLINE))
        return shown

    with beside(answer) as came:
        assert started(identified_at=late, late_reason="The alert was lost in the noise.").name == "Declined"
    assert "Late because: The alert was lost in the noise." in came[0]
    assert " 9 min " in came[0] or " 10 min " in came[0]


def test_two_answers_at_once_and_none_after_the_first_that_ends_it(transformed: Database) -> None:
    def answer(flow_run: UUID, plan: str) -> list[Any]:
        both = [runbook_runs.answered(plan, name=name, role=role, **DECLINE) for name, role in runbook_runs.PEOPLE[:2]]
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lambda said: taken(flow_run, said), both))

    with beside(answer) as came:
        assert started().name == "Declined"
    waiting.until(lambda: bool(came))
    counted = [one for one in came[0] if isinstance(one, AnswerResult)]
    assert [one.accepted for one in counted] == [True]
    assert [row[2] for row in tries(transformed)] == [True]
    assert [one for one in came[0] if isinstance(one, str) and "The answer was not taken" in one]


def test_two_approvals_are_of_two_persons(transformed: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_APPROVALS_NEEDED", "2")
    theo = {"name": "Theo Lead", "role": "Team Lead"}
    with runbook_runs.answering({}, {}, {**theo, **DECLINE}) as verdicts:
        assert started().name == "Declined"
    assert [verdict.accepted for verdict in verdicts] == [True, False, True]
    assert "another person" in verdicts[1].said
    assert "knowledge_bases" in schema(transformed)


def taken(flow_run: UUID, said: Any) -> Any:
    """Return what became of an answer, or why it was not taken."""
    try:
        return approving.give(flow_run, said)
    except RollbackError as error:
        return error.problem
