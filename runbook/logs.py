"""Log lines: what others wrote into them begins no line, steers no terminal, and shows no password."""

import logging
from collections.abc import Callable
from typing import Any

from runbook import printable

OURS = ("runbook", "flows", "tasks", "deployments")
"""Loggers whose lines are sentences; libraries also log texts of several lines, such as tracebacks."""


def guard() -> None:
    """Clean every line that this process logs from now on, whichever library logs it; more than once is once."""
    make = logging.getLogRecordFactory()
    if not getattr(make, "guards", False):
        logging.setLogRecordFactory(_guarded(make))


def _guarded(make: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    def cleaned(*args: Any, **words: Any) -> logging.LogRecord:
        return _clean(make(*args, **words))

    cleaned.guards = True  # type: ignore[attr-defined]
    return cleaned


def _clean(record: logging.LogRecord) -> logging.LogRecord:
    """Clean message and traceback. A message that does not fit its arguments stays: logging itself complains of it."""
    ours = record.name.partition(".")[0] in OURS
    try:
        record.msg, record.args = (printable.line if ours else printable.text)(record.getMessage()), None
    except (TypeError, ValueError, KeyError):
        return record
    if record.exc_info and record.exc_info[0]:
        record.exc_text = printable.text(logging.Formatter().formatException(record.exc_info))
    return record
