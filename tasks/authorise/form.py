"""Prefect's form: how a waiting run asks there, and what it believes of what it finds there.

Whoever reaches Prefect's API can write, replace and delete every input of a run and set its state. They cannot date a
state or an input, name an input's id, or take a state out of the run's history; those are what is looked at here.
"""

import hashlib
import json
import logging
import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import FlowRunInput, State
from prefect.client.schemas.responses import SetStateStatus
from prefect.exceptions import ObjectNotFound, PrefectException
from prefect.input import RunInput
from prefect.input.run_input import keyset_from_paused_state
from prefect.settings import PREFECT_API_REQUEST_TIMEOUT, PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Paused, Running

from tasks import withdrawn

AT_ONCE = timedelta(milliseconds=500)
"""Prefect stores a form's answer in the same breath as the resuming, 5 to 60 ms later on a busy machine."""
ANY = "paused-approval-"
"""What the keys of all pauses begin with."""
MOST = 200
"""How many inputs of one pause are looked at; more than that are no answer."""
SPARE = timedelta(hours=1)
"""Prefect fails a run whose pause timed out; the runbook's own clock ends the wait long before that."""
PATIENCE = {PREFECT_CLIENT_MAX_RETRIES: 1, PREFECT_API_REQUEST_TIMEOUT: 5.0}
"""A server that is away keeps nobody waiting who answers at the host door; it is asked again."""
AWAY = (httpx.HTTPError, PrefectException)
"""What Prefect's client raises when its server does not answer, or not as it should."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pause:
    """One question to a run's approvers: the state that the run was given, and what was written for its form."""

    flow_run: UUID
    state: UUID
    key: str
    """What the keys of its inputs begin with; nobody could know it before the pause."""
    form: frozenset[tuple[UUID, str, str]]
    """Schema and description as Prefect stored them: id, key and value."""

    @property
    def response(self) -> str:
        """The key of the answer."""
        return f"{self.key}-response"


@dataclass(frozen=True)
class Left:
    """What somebody left at the form: an answer, or the reason why it is none."""

    said: object
    wrong: str = ""
    verdict: str = ""
    """Where who left it looks for what became of it."""


def ask(flow_run: UUID, form: type[RunInput], until: datetime) -> Pause:
    """Pause the run with this form. Raises Withdrawn where its state was changed meanwhile, or one of AWAY."""
    state: State[Any] = Paused(
        pause_expiration_time=until + SPARE,
        pause_key=f"approval-{secrets.token_hex(16)}",
    )
    keys = keyset_from_paused_state(state)
    state.state_details.run_input_keyset = {str(what): key for what, key in keys.items()}
    with temporary_settings(PATIENCE), get_client(sync_client=True) as client:
        _leave(client, flow_run)
        result = client.set_flow_run_state(flow_run, state)
        if result.status != SetStateStatus.ACCEPT or result.state is None:
            raise withdrawn(_state(client, flow_run), waits=True) or httpx.HTTPError("the pause was not accepted")
        key = keys["response"].removesuffix("-response")
        written = {keys["schema"]: form.model_json_schema(), keys["description"]: form._description}
        for name, value in written.items():
            client.create_flow_run_input(flow_run, name, json.dumps(value))
        rows = [row for row in _inputs(client, flow_run, key) if row.key in written]
        if {row.key: json.loads(row.value) for row in rows} != written:
            raise httpx.HTTPError("the form is not as it was written")
        _sweep(client, flow_run, f"{key}-response")
    return Pause(flow_run, result.state.id, key, frozenset((row.id, row.key, row.value) for row in rows))


def _leave(client: SyncPrefectClient, flow_run: UUID) -> None:
    """Let a run that is paused go on: only a running one can be paused. Raises Withdrawn when it has ended."""
    state = _state(client, flow_run)
    if state and state.is_paused():
        client.set_flow_run_state(flow_run, Running())
    elif ended := withdrawn(state, waits=True):
        raise ended


def look(pause: Pause) -> Left | None:
    """Return what was left since the pause began; None while nothing was. Raises Withdrawn, or one of AWAY.

    What was left is deleted from Prefect before anybody judges it: it holds a code.
    """
    with temporary_settings(PATIENCE), get_client(sync_client=True) as client:
        state = _state(client, pause.flow_run)
        if state and state.id == pause.state:
            return None
        if ended := withdrawn(state, waits=True):
            raise ended
        rows = _inputs(client, pause.flow_run, pause.key)
        since = _since(client, pause)
        _delete(client, pause)
    return _left(pause, since, rows)


def _left(pause: Pause, since: Sequence[State[Any]], rows: Sequence[FlowRunInput]) -> Left:
    """Judge whether these inputs are one answer, given in one piece to the form that the run put there."""
    for one in since:
        if ended := withdrawn(one, waits=True):
            raise ended
    answers = [row for row in rows if row.key == pause.response]
    if not answers:
        return Left(None, "The run was set going at Prefect without an answer.")
    said = _parsed(answers[0].value)
    verdict = verdict_key(pause.response, said) if isinstance(said, dict) else ""
    return Left(said, _wrong(pause, since, rows, answers[0]), verdict)


def _wrong(pause: Pause, since: Sequence[State[Any]], rows: Sequence[FlowRunInput], answer: FlowRunInput) -> str:
    """Say why this is not an answer in one piece; empty: it is."""
    if len(since) != 1:
        return "The run's state was changed by hand while it waited."
    if not pause.form <= {(row.id, row.key, row.value) for row in rows}:
        return "The form was changed, or deleted, while it was answered."
    resumed = since[0].timestamp
    if answer.created is None or not resumed <= answer.created <= resumed + AT_ONCE:
        return "It was not stored by the form: somebody wrote or replaced it."
    return ""


def _since(client: SyncPrefectClient, pause: Pause) -> list[State[Any]]:
    """Return the states that the run has had since its pause; nobody can take one out of that history."""
    states = sorted(client.read_flow_run_states(pause.flow_run), key=lambda state: state.timestamp)
    known = [number for number, state in enumerate(states) if state.id == pause.state]
    return states[known[-1] + 1 :] if known else states


def untouched(pause: Pause) -> bool:
    """Tell whether the form is there as it was written, and nothing beside it. Raises one of AWAY."""
    with temporary_settings(PATIENCE), get_client(sync_client=True) as client:
        rows = _inputs(client, pause.flow_run, pause.key)
        if pause.form == {(row.id, row.key, row.value) for row in rows}:
            return True
        # An answer may have come just now; while the run is still paused, it did not come through the form.
        state = _state(client, pause.flow_run)
    return state is None or state.id != pause.state


def tell(pause: Pause, verdict: str, said: Mapping[str, object]) -> None:
    """Write what became of an answer, where who gave it looks; nobody can know that place who does not know it."""
    with suppress(*AWAY), temporary_settings(PATIENCE), get_client(sync_client=True) as client:
        client.create_flow_run_input(pause.flow_run, verdict, json.dumps(said))


def verdict_key(response: str, said: Mapping[str, object]) -> str:
    """Return under which key the run says what became of this answer."""
    digest = hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()
    return f"{response.removesuffix('-response')}-verdict-{digest[:40]}"


def end(pause: Pause | None) -> None:
    """Let the run go on after the last answer, and delete what came too late. Raises Withdrawn.

    A server that is away holds nobody up.
    """
    if pause is None:
        return
    try:
        with temporary_settings(PATIENCE), get_client(sync_client=True) as client:
            _leave(client, pause.flow_run)
            _sweep(client, pause.flow_run)
    except AWAY as error:
        log.warning("Prefect does not know yet that the run goes on (%s).", type(error).__name__)


def _delete(client: SyncPrefectClient, pause: Pause) -> None:
    """Delete the answer of a pause, if there is one. Raises one of AWAY: it is not judged before it is gone."""
    try:
        client.delete_flow_run_input(pause.flow_run, pause.response)
    except httpx.HTTPStatusError as error:
        if error.response.status_code != httpx.codes.NOT_FOUND:
            raise


def _sweep(client: SyncPrefectClient, flow_run: UUID, but: str = "") -> None:
    """Delete answers that came when nobody looked at their pause any more: a code may stand in them."""
    for row in _inputs(client, flow_run, ANY):
        if row.key.endswith("-response") and row.key != but:
            client.delete_flow_run_input(flow_run, row.key)


def _inputs(client: SyncPrefectClient, flow_run: UUID, key: str) -> list[FlowRunInput]:
    return client.filter_flow_run_input(flow_run, key, MOST, set())


def _state(client: SyncPrefectClient, flow_run: UUID) -> State[Any] | None:
    """Return the run's state; None where the run was deleted."""
    try:
        return client.read_flow_run(flow_run).state
    except ObjectNotFound:
        return None


def _parsed(value: str) -> object:
    """Return what JSON says; None where it is none."""
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return None
