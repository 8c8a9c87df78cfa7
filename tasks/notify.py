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
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.telling import ending, messages, report
from runbook.telling.summary import Summary, Verdict
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
    """Write the report and tell people how the run ended. Raises NotificationFailed after a good end only."""
    prefect_run = flow_run.id or ""
    with journal.step(run, "notify") as found:
        summary = _shown(run, ending.summarise(run, plan, outcome, checks, error), prefect_run)
        files = ending.record(run, summary)
        found["files"] = [str(path) for path in files]
        if outcome == "done":
            found["team"] = f"{ending.tell_team(run, summary, files, prefect_run)} channel(s) told"
            found["users"] = ending.tell_users(run, summary)
        else:
            found["team"] = ending.quietly(run, summary, files, prefect_run)
    journal.end(run, outcome, summary.state)
    return summary


def _shown(run: Run, summary: Summary, prefect_run: str) -> Summary:
    """Show the report on the run's page, and return the summary with the addresses of both."""
    summary = replace(summary, page=messages.link(run.settings, prefect_run))
    text, said = report.markdown(summary, whole=True), f"Report of {run.request.incident}: {summary.outcome}"
    artifact = shown(lambda: cast(UUID, create_markdown_artifact(text, key="report", description=said)))
    return replace(summary, report_page=messages.artifact(run.settings, artifact))
