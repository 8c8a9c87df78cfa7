"""Step: notify. Team, users and follow-ups; the report and its evidence. It never undoes the rollback."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast
from uuid import UUID

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from runbook import journal
from runbook.approval import proposals
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.telling import ending, messages, notification, report, told
from runbook.telling.summary import Summary, Verdict
from runbook.telling.told import Told
from tasks import shown


@task(
    name="notify",
    task_run_name="notify",
    cache_policy=NO_CACHE,
    persist_result=False,
    retries=2,
    retry_delay_seconds=10,
)
def notify(
    run: Run,
    plan: Plan | None,
    outcome: Verdict,
    checks: Sequence[Check] = (),
    error: BaseException | None = None,
) -> Summary:
    """Write the report and tell people how the run ended. Who cannot be told now leaves the step open, not failed."""
    prefect_run = flow_run.id or ""
    with journal.step(run, "notify") as found:
        summary = _shown(run, ending.summarise(run, plan, outcome, checks, error), prefect_run)
        files = ending.record(run, summary)
        found["files"] = [str(path) for path in files]
        ended = notification.tell(run, summary, files, prefect_run)
        found.update(_found(ended, outcome))
    if outcome == "done":
        summary = ending.with_told(run, summary, ended)
        report.rewrite(run.settings, summary)
        _shown(run, summary, prefect_run)
    journal.end(run, outcome, summary.state)
    proposals.end(run, outcome)
    return summary


@task(name="notify", task_run_name="notify", cache_policy=NO_CACHE, persist_result=False)
def notify_rest(run: Run, plan: Plan) -> Summary:
    """Tell who was not told when the run ended that is taken up again; its report stays as it was written."""
    with journal.step(run, "notify") as found:
        summary = ending.summarise(run, plan, "done", (), None)
        ended = notification.tell(run, summary, (), flow_run.id or "")
        found.update(_found(ended, "done"))
    summary = ending.with_told(run, summary, ended)
    journal.restate(run, summary.state)
    return summary


def _found(ended: Told, outcome: Verdict) -> dict[str, object]:
    """Return what the journal says of the step: counts, and whether somebody waits."""
    if outcome != "done":
        return {"team": told.channels(ended), "summary": told.channels(ended)}
    counted: dict[str, object] = {"users": told.users(ended), "team": told.channels(ended)}
    counted["summary"] = told.counts(ended)
    return counted | ({"open": ended.trouble or "somebody waits"} if ended.open else {})


def _shown(run: Run, summary: Summary, prefect_run: str) -> Summary:
    """Show the report on the run's page, and return the summary with the addresses of both."""
    summary = replace(summary, page=messages.link(run.settings, prefect_run))
    text, said = report.markdown(summary, whole=True), f"Report of {run.request.incident}: {summary.outcome}"
    artifact = shown(lambda: cast(UUID, create_markdown_artifact(text, key="report", description=said)))
    return replace(summary, report_page=messages.artifact(run.settings, artifact))
