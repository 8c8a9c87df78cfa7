"""Somebody who uses the application of the engine's tests all the time, and notices when nobody answers."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count, groupby

from tests.acceptance.engineapp import App


@dataclass
class Asked:
    """What a user was answered."""

    began: float
    ended: float
    service: str
    answer: str
    """Empty: an error."""


@dataclass
class User:
    """Somebody who asks frontend and backend about every 50 ms, and sends the backend a message each time."""

    app: App
    asked: list[Asked] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def work(self) -> None:
        for number in count():
            if self.stop.is_set():
                return
            self._ask("frontend", "/", number)
            self._ask("backend", f"/cgi-bin/message?{number}.", number)
            self.stop.wait(0.05)

    def _ask(self, service: str, path: str, number: int) -> None:
        began = time.time()
        try:
            answer = self.app.answers(service, path)
        except (OSError, HTTPException):
            answer = ""
        self.asked.append(Asked(began, time.time(), service, f"{number} {answer}".strip() if answer else ""))

    def acknowledged(self) -> list[str]:
        """Return the numbers of the messages that the backend said it stored."""
        return [one.answer.split()[0] for one in self.asked if one.service == "backend" and one.answer]

    def met(self, service: str) -> list[str]:
        """Return whom the user met, in this order: a release, or nobody."""
        found = (re.search(r"\bv\d\b", one.answer) for one in self.asked if one.service == service)
        return [who for who, _ in groupby(one[0] if one else "nobody" for one in found)]

    def errors(self) -> list[Asked]:
        return [one for one in self.asked if not one.answer]

    def outage(self) -> tuple[float, float]:
        """Return when the first error came, and when after the last one a service was first asked with success."""
        wrong = self.errors()
        last = wrong[-1]
        again = next(one for one in self.asked if one.began >= last.ended and one.service == last.service)
        return wrong[0].ended, again.ended


@contextmanager
def using(app: App) -> Iterator[User]:
    """Let a user work while the block runs."""
    user = User(app)
    thread = threading.Thread(target=user.work, daemon=True)
    thread.start()
    try:
        yield user
    finally:
        user.stop.set()
        thread.join()
