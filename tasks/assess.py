"""Step: assess. Reads the database and the release, draws the plan, writes nothing."""

from prefect import task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from runbook import journal, resumption
from runbook.models import Plan
from runbook.planning import plan, planpage
from runbook.planning.trial import trial
from runbook.runs import Run


@task(name="assess", task_run_name="assess", cache_policy=NO_CACHE, persist_result=False)
def assess(run: Run) -> Plan:
    """Draw the plan of this rollback. Raises Blocked listing everything that stands in the way."""
    with journal.step(run, "assess") as found:
        journal.check(run.side)
        drawn = plan.draw(run.work, run.request, run.settings, own=run.pids)
        drawn = resumption.settle(run, drawn)
        page = planpage.plan_markdown(drawn, run.request, drawn.drawn_at)
        create_markdown_artifact(page, key="plan", description=f"Plan for {run.request.incident}")
        found.update(plan_hash=drawn.hash, migrations=dict(drawn.migrations), warnings=list(drawn.warnings))
        if drawn.trial:
            found["trial"] = trial.sentence(drawn.trial)
        found["summary"] = planpage.verdict(drawn)
        if run.committed:
            plan.check_release(drawn, run.settings)
        else:
            plan.check(drawn)
    return drawn
