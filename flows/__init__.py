"""The flows, and what holds for all of them: the runbook's own log lines are worth keeping from INFO on.

Prefect takes them into a run's log (PREFECT_LOGGING_EXTRA_LOGGERS) but leaves their level to us. Each line is cleaned
of what steers a terminal and of passwords, also where Prefect logs an error.
"""

import logging

from runbook import logs

logging.getLogger("runbook").setLevel(logging.INFO)
logs.guard()
