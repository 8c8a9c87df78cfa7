"""The outage as the users see it: both services are asked all the time, from before the first command to the end."""

import threading
import time
from types import TracebackType
from typing import Self

from benchmarks.application import Application

POLL_SECONDS = 0.05


class Watch:
    """Ask while the block runs; after it, ``outage`` is how long the services did not both work."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._answers: list[tuple[float, bool]] = []
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _ask(self) -> None:
        while not self._over.is_set():
            self._answers.append((time.monotonic(), self._application.healthy()))
            time.sleep(POLL_SECONDS)

    @property
    def outage(self) -> float:
        """Seconds from the last good answer before the first bad one, to the first after which all were good.

        0 when there was no bad answer. Raises ValueError when the last answer was bad.
        """
        return outage(self._answers)


def outage(answers: list[tuple[float, bool]]) -> float:
    """Return how long the services did not work, from the times and the goodness of their answers, in s."""
    bad = [number for number, (_, good) in enumerate(answers) if not good]
    if not bad:
        return 0.0
    first, last = bad[0], bad[-1]
    if last + 1 == len(answers):
        raise ValueError("The services did not work at the end.")
    return answers[last + 1][0] - answers[max(first - 1, 0)][0]
