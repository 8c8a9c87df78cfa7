"""Answering a run that waits, through the same Prefect API that its UI uses."""

import json
import time
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import PrefectHTTPStatusError

from runbook.approval import approvals
from runbook.approval.answer import Answer
from runbook.approval.host_door import AnswerResult
from runbook.errors import RollbackError
from tasks.authorise import form

POLL = 0.3
GAP_SECONDS = 20
"""How long a run may take between two questions: it weighs the last answer."""
VERDICT_SECONDS = 60
PAUSED = {"state": {"type": {"any_": ["PAUSED"]}}}


def give(flow_run: UUID, answer: Answer) -> AnswerResult:
    """Give an answer to a waiting run and return what Prefect says became of it.

    Raises RollbackError when it was not taken. Whoever reaches Prefect while an answer lies there can forge what is
    said of it; what counts stands in the journal alone.
    """
    response = _keyset(paused(flow_run))["response"]
    given = {**answer.model_dump(), "code": answer.code.get_secret_value()}
    with get_client(sync_client=True) as client:
        try:
            result = client.resume_flow_run(flow_run, run_input=given)
        except PrefectHTTPStatusError as error:
            raise _not_taken(
                f"another one came first, or the server refused it ({error.response.status_code})"
            ) from None
    if result.status.value != "ACCEPT":
        raise _not_taken(getattr(result.details, "reason", None) or "the server did not say why")
    if answer.decision == "decline" and not given["code"]:
        return _withdrawn(flow_run)
    return _result(flow_run, form.verdict_key(response, given))


def _not_taken(why: str) -> RollbackError:
    return RollbackError(f"The answer was not taken: {why.rstrip('.')}.", "Look at rollback status, then answer again.")


def _withdrawn(flow_run: UUID) -> AnswerResult:
    """Wait until a run has ended that was declined without a code. Raises RollbackError when it does not end."""
    end = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < end:
        with get_client(sync_client=True) as client:
            state = client.read_flow_run(flow_run).state
        if state and state.is_final():
            said = f"The run has ended ({state.name}). Without a code nobody is recorded as who declined."
            return AnswerResult(True, said)
        time.sleep(POLL)
    raise RollbackError("The run was told to end, and has not ended yet.", "rollback status")


def _result(flow_run: UUID, key: str) -> AnswerResult:
    """Wait for what the run says about an answer, under a key that nobody knows who does not know the answer."""
    end = time.monotonic() + VERDICT_SECONDS
    while time.monotonic() < end:
        with get_client(sync_client=True) as client:
            try:
                return AnswerResult(**json.loads(client.read_flow_run_input(flow_run, key)))
            except PrefectHTTPStatusError:
                time.sleep(POLL)
    raise RollbackError("The answer was taken, but the run does not say what became of it.", "rollback status")


def paused(flow_run: UUID) -> FlowRun:
    """Return the run as soon as it waits. Raises RollbackError when it ended, or waits for nothing."""
    end = time.monotonic() + GAP_SECONDS
    while True:
        with get_client(sync_client=True) as client:
            run = client.read_flow_run(flow_run)
            if run.state and run.state.is_paused() and _form_is_there(flow_run, run):
                return run
        if run.state and run.state.is_final():
            raise _not_taken(f"the run has ended ({run.state.name})")
        if time.monotonic() > end:
            raise _not_taken("the run does not wait for an answer")
        time.sleep(POLL)


def _form_is_there(flow_run: UUID, run: FlowRun) -> bool:
    """Tell whether the form was saved: Prefect pauses a run a moment before."""
    with get_client(sync_client=True) as client:
        try:
            client.read_flow_run_input(flow_run, _keyset(run)["description"])
        except PrefectHTTPStatusError:
            return False
    return True


def _keyset(run: FlowRun) -> dict[str, str]:
    return dict((run.state.state_details.run_input_keyset if run.state else None) or {})


def plan_of(run: FlowRun) -> str:
    """Return the beginning of the hash of the plan that a waiting run shows.

    Raises RollbackError where it takes no answers through Prefect.
    """
    fields = _fields(run)
    if "plan" not in fields:
        raise RollbackError(
            "This run takes no answers through Prefect.",
            "Answer on the worker's host, as its user: rollback approve.",
            "The run goes on waiting.",
        )
    return str(fields["plan"]["default"])


def demands(run: FlowRun, field: str) -> bool:
    """Return whether the plan that a waiting run shows asks for this field."""
    return bool(_fields(run).get(field, {}).get(approvals.DEMANDED))


def _fields(run: FlowRun) -> dict[str, dict[str, object]]:
    with get_client(sync_client=True) as client:
        schema = json.loads(client.read_flow_run_input(run.id, _keyset(run)["schema"]))
    fields: dict[str, dict[str, object]] = schema.get("properties", {})
    return fields


def waiting(flow_run: UUID | None) -> FlowRun:
    """Return the run with this id, or the only one that waits for approval. Raises RollbackError when there is none."""
    if flow_run:
        return paused(flow_run)
    with get_client(sync_client=True) as client:
        runs = client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(PAUSED), sort=FlowRunSort.START_TIME_DESC, limit=200
        )
    if len(runs) == 1:
        return runs[0]
    names = ", ".join(f"{run.id} ({run.name})" for run in runs)
    raise RollbackError(
        f"More than one run waits: {names}." if runs else "No run waits for approval.",
        "Name it: rollback approve RUN." if runs else "Look at rollback status.",
    )


def shown_plan(run: FlowRun) -> str:
    """Return what stands above the form of a waiting run, as Markdown."""
    with get_client(sync_client=True) as client:
        return str(json.loads(client.read_flow_run_input(run.id, _keyset(run)["description"])))
