"""Step: publish the history. The last rehearsals as a table and as a picture, on the run's page."""

import logging
from contextlib import closing

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from runbook import page
from runbook.errors import RollbackError
from runbook.rehearsing import history, trend
from runbook.settings import Settings

log = logging.getLogger(__name__)


@task(name="publish history", task_run_name="publish history", cache_policy=NO_CACHE, persist_result=False)
def publish_history(settings: Settings) -> None:
    """Write the artifacts `rehearsal-history` and `rehearsal-trend`; what cannot be read is no reason to fail."""
    try:
        with closing(history.read_only(settings)) as conn:
            rows = history.runs(conn, settings.target)
    except RollbackError as error:
        log.warning("The history of rehearsals cannot be shown: %s", error.problem)
        return
    create_table_artifact(
        page.cells(trend.table(rows)),
        key="rehearsal-history",
        description="The last rehearsals with their steps, the newest first.",
    )
    create_markdown_artifact(
        trend.markdown(rows, settings.target), key="rehearsal-trend", description="How long the last rehearsals took."
    )
