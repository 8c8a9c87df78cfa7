"""The flows, and what holds for all of them: the runbook's own log lines are worth keeping from INFO on.

Prefect takes them into a run's log (PREFECT_LOGGING_EXTRA_LOGGERS) but leaves their level to us.
"""

import logging

logging.getLogger("runbook").setLevel(logging.INFO)
