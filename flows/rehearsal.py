"""The story of a rehearsal: production cloned to staging, the same rollback run there, and staging put back."""

from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from flows import practice, runpage
from runbook import settings
from runbook.rehearsing import record as records
from runbook.rehearsing import request as requests
from runbook.rehearsing.record import Record
from runbook.rehearsing.request import USUAL, RehearsalRequest
from tasks.clone_production import clone_production
from tasks.mask_contacts import mask_contacts
from tasks.publish_history import publish_history

NOTHING = "Nothing to rehearse"
"""The end of a rehearsal that found nothing to roll back, by which deployments/watch/overdue.yaml does not count it."""


def _name() -> str:
    """Name the run by label and target."""
    given = flow_run.parameters.get("request") or USUAL
    return f"{requests.label(RehearsalRequest.model_validate(given))} on {settings.load().target}"


@flow(name="rehearsal", flow_run_name=_name, persist_result=False)
def rehearsal(request: RehearsalRequest = USUAL) -> State[Any]:
    """Rehearse the rollback on staging, with a masked clone of production.

    Whatever happens, staging is put back as it was found, and the rehearsal stands in the history. The team is told
    when it fails, or when a step is slower than usual. Production is only read, and no message leaves this machine.
    """
    loaded = requests.settings(request, runpage.load())
    try:
        with records.begun(request, loaded, flow_run.id) as record:
            practice.clear(record)
            try:
                rehearse(record)
            except BaseException:
                put_back(record)
                raise
            if not request.keep:
                put_back(record)
    finally:
        publish_history(loaded)
    name = NOTHING if record.outcome == "nothing" else "Completed"
    said = "" if record.outcome == "nothing" else "rehearsed, and staging is as it was"
    return Completed(name=name, message=f"{record.label}: {'; '.join(filter(None, [said, record.reason]))}.")


def rehearse(record: Record) -> None:
    """Do what an incident would ask for, on a clone."""
    with records.step(record, "clone production"):
        clone = clone_production(record.settings)
    with records.step(record, "mask contacts"):
        practice.remember(record)
        mask_contacts(record.settings, clone)
    practice.roll_back(record, clone)
    if record.outcome == "done":
        practice.try_out(record)


def put_back(record: Record) -> None:
    """Put staging back as it was found."""
    with records.step(record, "clean up"):
        practice.put_back(record)
