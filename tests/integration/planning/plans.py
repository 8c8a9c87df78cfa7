"""Plans that are drawn as a run draws them."""

from contextlib import closing
from typing import Any

from runbook import database, settings
from runbook.models import Plan
from runbook.planning import plan
from runbook.request import RollbackRequest
from tests import runbook_runs


def asked(**changes: Any) -> RollbackRequest:
    return RollbackRequest.model_validate({**runbook_runs.REQUEST, **changes})


def drawn(**changes: Any) -> Plan:
    with closing(database.connect()) as conn:
        return plan.draw(conn, asked(**changes), settings.load(), own=[conn.info.backend_pid])
