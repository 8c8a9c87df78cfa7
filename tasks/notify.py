"""Step: notify. Team, users and follow-ups; the report and its evidence. It never undoes the rollback."""

from collections.abc import Sequence

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from runbook import journal
from runbook.models import Check, Plan
from runbook.runs import Run
from runbook.telling import ending, report
from runbook.telling.summary import Summary, Verdict


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
    with journal.step(run, "notify") as found:
        summary = ending.summarise(run, plan, outcome, checks, error)
        files = ending.record(run, summary)
        found["files"] = [str(path) for path in files]
        create_markdown_artifact(
            report.markdown(summary), key="report", description=f"Report of {run.request.incident}"
        )
        if outcome == "done":
            found["team"] = f"{ending.tell_team(run, summary, files, flow_run.id or '')} channel(s) told"
            found["users"] = ending.tell_users(run, summary)
        else:
            found["team"] = ending.quietly(run, summary, files, flow_run.id or "")
    journal.end(run, outcome, summary.state)
    return summary
