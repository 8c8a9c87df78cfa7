"""Parts of a rehearsal: the rollback in its sandbox, and staging put back as it was found."""

import logging
from dataclasses import asdict
from functools import partial
from typing import Any

from prefect.client.schemas.objects import State
from psycopg.types.json import Jsonb

from flows import playing
from flows.rollback import rollback
from runbook.approval import approvals
from runbook.database import Row
from runbook.errors import RehearsalFailed, RollbackError
from runbook.rehearsing import former, measuring, sandbox, trying
from runbook.rehearsing import record as records
from runbook.rehearsing import request as requests
from runbook.rehearsing.clonedata import Clone
from runbook.rehearsing.former import Former
from runbook.rehearsing.record import Record
from tasks.clean_up import clean_up
from tasks.put_back_application import put_back_application
from tasks.stop_staging import stop_staging
from tasks.try_application import try_application

log = logging.getLogger(__name__)


def clear(record: Record) -> None:
    """Clean up after rehearsals that were killed, or that left their clone for a look."""
    for row in _left(record):
        log.warning("The rehearsal %s left staging as its rollback leaves it; putting it back.", row["label"])
    put_back(record)


def remember(record: Record) -> None:
    """Write down what the application of staging is, so that it can be put back even when this process is killed."""
    before = former.look(record.settings)
    if before:
        record.write("history_stage", id=record.id, stage=Jsonb(asdict(before)))


def put_back(record: Record) -> None:
    """Put staging back: the databases change places while the services are stopped, then the application follows."""
    left = _left(record)
    before = Former(**left[0]["stage"]) if left else None
    stop_staging(record.settings, before)
    clean_up(record.settings)
    put_back_application(record.settings, before, record.request.previous_tag)
    record.write("history_put_back", target=record.settings.target)


def _left(record: Record) -> list[Row]:
    return record.write("history_left", target=record.settings.target)


def roll_back(record: Record, clone: Clone) -> None:
    """Run the rollback itself on the clone, and measure it. Raises RehearsalFailed, RehearsalRefused."""
    request = requests.rollback(record.request, record.label)
    try:
        with sandbox.entered(record.settings, clone, record.folder) as inside:
            play = playing.approver(sandbox.SAID, partial(log.info, "%s"), inside.holds)
            with approvals.heard(play):
                state = rollback(request, return_state=True)
    finally:
        measured = measure(record)
    if not state.is_completed():
        raise _failed(state)
    if not measured:
        record.outcome, record.reason = "nothing", "production needs no rollback, so nothing was rehearsed"


def _failed(state: State[Any]) -> RehearsalFailed:
    """Say why the rollback did not come to a good end."""
    cause = None if state.is_cancelled() else state.result(raise_on_failure=False)
    problem, remedy = str(state.message), ""
    if isinstance(cause, RollbackError):
        problem, remedy = cause.problem, cause.remedy
    return RehearsalFailed(f"The rollback of the clone ended as {state.name}: {problem}", remedy)


def measure(record: Record) -> bool:
    """Write down what the rollback took; return whether it began. A clone that cannot be read is not measured."""
    try:
        found = measuring.read()
        if found is None:
            return False
        for step in found.steps:
            records.write_step(record, step.name, step.seconds, step.outcome)
        values = {name: value for name, value in vars(found).items() if name != "steps"}
        record.write("history_measured", id=record.id, **values)
    except RollbackError as error:
        log.error("The rollback of the clone could not be measured: %s", error.problem)
    return True


def try_out(record: Record) -> None:
    """Test the application, as far as anything is set for that, and write down what was not tested."""
    missing = trying.untested(record.settings)
    with records.step(record, "test the application") as found:
        if trying.possible(record.settings):
            try_application(record.settings)
            found.update({"not tested": list(missing)} if missing else {})
        else:
            found["skipped"] = f"nothing was tested: {'; '.join(missing)}"
    record.reason = f"not tested of the application: {'; '.join(missing)}" if missing else ""
