"""The host door: a waiting run listens on a Unix socket of its user's and takes each answer in one piece.

Neither decision nor code passes through Prefect. The socket's mode says who may connect, the kernel who did.
"""

import json
import logging
import os
import pwd
import socket
import struct
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any

from runbook import private_files, store
from runbook.approval.answer import Answer
from runbook.errors import RollbackError, SettingsInvalid
from runbook.settings import Settings

SUFFIX = ".sock"
LARGEST = 65536
"""Bytes that one message may have; an answer has a few hundred."""
READ_SECONDS = 5
"""How long who connects may take to say what they want."""
JUDGE_SECONDS = 60
"""How long an answer may wait for what becomes of it."""
NO_LOGIN = 2**32 - 1
"""What Linux says of a process that belongs to no login."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class AnswerResult:
    """What became of an answer."""

    accepted: bool
    said: str


@dataclass(frozen=True)
class Shown:
    """What a waiting run shows to who wants to answer it."""

    text: str
    """The plan with what stands above it, as Markdown."""
    plan: str
    """The beginning of the plan's hash."""
    demanded: str = ""
    """The field that this plan asks for; empty: none."""


@dataclass(frozen=True)
class Given:
    """An answer as it came, not judged yet."""

    said: object
    """What was sent; anything that JSON can hold, None where it was no JSON."""
    door: str
    """Where it came in, and who sent it, as the kernel knows."""
    results: "SimpleQueue[AnswerResult]" = field(default_factory=SimpleQueue)
    """Takes what became of it."""


def place(settings: Settings, name: str) -> Path:
    """Return where the run of this name listens: beside the worker's store."""
    return store.place(settings).parent / f"waiting-{name}{SUFFIX}"


@contextmanager
def opened(settings: Settings, name: str, show: Callable[[], Shown]) -> Iterator["SimpleQueue[Given]"]:
    """Listen while the block runs and lend the queue of what is answered; a socket that a killed run left is replaced.

    Raises SettingsInvalid when the socket cannot be made.
    """
    path, given = place(settings, name), SimpleQueue[Given]()
    listener = _listen(path)
    Thread(target=_accept, args=(listener, given, show), daemon=True).start()
    try:
        yield given
    finally:
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        path.unlink(missing_ok=True)
        _dismiss(given)


def _listen(path: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.parent.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        with _short(path) as address:
            listener.bind(address)
        path.chmod(private_files.MODE)  # nobody can connect before listen()
        listener.listen()
    except OSError as error:
        listener.close()
        raise SettingsInvalid(
            f"No answer can be taken at {path}: {error.strerror}.",
            f"Set {store.SETTING} to a folder of this user's on a local disk.",
            private_files.UNTOUCHED,
        ) from None
    return listener


@contextmanager
def _short(path: Path) -> Iterator[str]:
    """Lend an address for a socket's path: the kernel takes 107 bytes, and folders can be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _dismiss(given: "SimpleQueue[Given]") -> None:
    """Tell who came too late that nobody judges them any more."""
    with suppress(Empty):
        while True:
            given.get_nowait().results.put(AnswerResult(False, "The run does not wait any more."))


def _accept(listener: socket.socket, given: "SimpleQueue[Given]", show: Callable[[], Shown]) -> None:
    while True:
        try:
            conn, _ = listener.accept()
        except OSError:  # closed: the wait is over
            return
        Thread(target=_serve, args=(conn, given, show), daemon=True).start()


def _serve(conn: socket.socket, given: "SimpleQueue[Given]", show: Callable[[], Shown]) -> None:
    """Answer one message of one visitor; nothing that they send, or fail to read, disturbs the run."""
    with conn, suppress(OSError):
        conn.settimeout(READ_SECONDS)
        pid, uid = _peer(conn)
        if uid not in (os.getuid(), 0):
            return
        try:
            conn.sendall(_line(_respond(_read(conn), _door(pid, uid), given, show)))
        except Exception as error:
            log.error("A question at the host door was not answered: %s.", type(error).__name__)


def _respond(asked: object, door: str, given: "SimpleQueue[Given]", show: Callable[[], Shown]) -> Mapping[str, object]:
    if isinstance(asked, dict) and asked.get("want") == "question":
        return vars(show())
    answer = Given(asked.get("answer") if isinstance(asked, dict) else None, door)
    given.put(answer)
    return vars(answer.results.get(timeout=JUDGE_SECONDS))


def _peer(conn: socket.socket) -> tuple[int, int]:
    """Return process and user at the other end, as the kernel noted them when they connected."""
    pid, uid, _ = struct.unpack("3i", conn.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(pid), int(uid)


def _door(pid: int, uid: int) -> str:
    """Name the terminal's host, its user, and who logged in before changing to that user."""
    person, login = _name(uid), uid
    with suppress(OSError, ValueError):
        login = int(Path(f"/proc/{pid}/loginuid").read_text(encoding="ascii"))
    who = person if login in (uid, NO_LOGIN) else f"{_name(login)} as {person}"
    return f"terminal on {socket.gethostname()} ({who})"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _line(message: Mapping[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


def _read(conn: socket.socket) -> object:
    """Return the one message that comes; None where it is no JSON, or too long. Raises OSError where nothing comes."""
    came = b""
    while not came.endswith(b"\n") and len(came) <= LARGEST and (more := conn.recv(LARGEST)):
        came += more
    if not came:
        raise ConnectionAbortedError
    try:
        return json.loads(came) if len(came) <= LARGEST else None
    except (ValueError, RecursionError):
        return None


def waiting(settings: Settings) -> list[str]:
    """Return the names of the runs that listen on this host for this user."""
    found = sorted(store.place(settings).parent.glob(f"waiting-*{SUFFIX}"))
    names = [path.name.removeprefix("waiting-").removesuffix(SUFFIX) for path in found]
    return [name for name in names if question(settings, name) is not None]


def question(settings: Settings, name: str) -> Shown | None:
    """Return what a run shows; None where it does not listen here."""
    said = _ask(settings, name, {"want": "question"})
    return Shown(**said) if said else None


def give(settings: Settings, name: str, answer: Answer) -> AnswerResult:
    """Give an answer to a waiting run and return what became of it. Raises RollbackError when it was not taken."""
    piece = {**answer.model_dump(), "code": answer.code.get_secret_value()}
    said = _ask(settings, name, {"answer": piece})
    if said is None:
        raise RollbackError("The answer was not taken: the run does not wait any more.", "Look at rollback status.")
    if not said:
        raise RollbackError("The answer was given, but the run does not say what became of it.", "rollback status")
    return AnswerResult(**said)


def _ask(settings: Settings, name: str, message: Mapping[str, object]) -> dict[str, Any] | None:
    """Send one message and return the reply, empty where none came; None where nobody listens."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as conn:
        conn.settimeout(JUDGE_SECONDS + READ_SECONDS)
        try:
            with _short(place(settings, name)) as address:
                conn.connect(address)
        except OSError:
            return None
        with suppress(OSError):
            conn.sendall(_line(message))
            return _reply(conn)
    return {}


def _reply(conn: socket.socket) -> dict[str, Any]:
    """Read to the end: a plan may be longer than any question."""
    came = b"".join(iter(lambda: conn.recv(LARGEST), b""))
    said: dict[str, Any] = json.loads(came) if came else {}
    return said
