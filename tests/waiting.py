"""Waiting for what comes a moment later."""

import time
from collections.abc import Callable

SECONDS = 120.0


def until(met: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait for a condition. Raises TimeoutError."""
    end = time.monotonic() + seconds
    while not met():
        if time.monotonic() > end:
            raise TimeoutError(f"not met within {seconds:g} s")
        time.sleep(0.1)
