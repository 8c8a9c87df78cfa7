"""The host door: whose it is, what comes through it, and what a killed run leaves."""

import getpass
import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

import pytest

from runbook.approval import host_door
from runbook.approval.answer import Answer
from runbook.approval.host_door import AnswerResult, Given, Shown
from runbook.errors import RollbackError, SettingsInvalid
from runbook.settings import Settings

ANSWER = Answer.model_validate(
    {"decision": "approve", "name": "Ada Lovelace", "role": "CTO", "plan": "0" * 8, "code": "123456"}
)


def settings(folder: Path) -> Settings:
    return Settings(state_dir=folder, _env_file=None)


@contextmanager
def judged(given: "SimpleQueue[Given]") -> Iterator[list[Given]]:
    """Let everything count that comes, and keep it."""
    came: list[Given] = []

    def work() -> None:
        try:
            while True:
                came.append(given.get(timeout=5))
                came[-1].results.put(AnswerResult(True, "counts"))
        except Empty:
            pass

    Thread(target=work, daemon=True).start()
    yield came


def said(folder: Path, message: bytes) -> bytes:
    """Send bytes to the door and return what comes back; nothing where it does not listen to the end."""
    with socket.socket(socket.AF_UNIX) as conn, suppress(ConnectionError):
        conn.connect(os.path.relpath(host_door.place(settings(folder), "run")))
        conn.sendall(message)
        conn.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: conn.recv(65536), b""))
    return b""


def test_an_answer_comes_in_one_piece_and_the_door_knows_who_brought_it(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 30)  # longer than a socket's address may be
    with host_door.opened(settings(deep), "run", lambda: Shown("# Plan", "00000000")) as given, judged(given) as came:
        assert stat.S_IMODE(host_door.place(settings(deep), "run").stat().st_mode) == 0o600
        assert host_door.question(settings(deep), "run") == Shown("# Plan", "00000000")
        assert host_door.waiting(settings(deep)) == ["run"]
        assert host_door.give(settings(deep), "run", ANSWER) == AnswerResult(True, "counts")
    assert came[0].said == {**ANSWER.model_dump(), "code": "123456"}
    assert came[0].door.startswith(f"terminal on {socket.gethostname()} (")
    assert getpass.getuser() in came[0].door
    assert not list(deep.iterdir())
    assert host_door.question(settings(deep), "run") is None
    with pytest.raises(RollbackError, match="does not wait any more"):
        host_door.give(settings(deep), "run", ANSWER)


@pytest.mark.attack(
    "files",
    "sends junk, or nothing, to the socket of a waiting run",
    "each visitor is served aside and bounded in time and size",
)
def test_nothing_that_is_sent_disturbs_the_door(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    nonsense = (b"no json", b'"text"\n', b"[" * 50_000, b"\xff\xfe\x00", b"{" + b"x" * 200_000, b'{"answer": 1}\n')
    with host_door.opened(settings(tmp_path), "run", lambda: Shown("", "")) as given, judged(given) as came:
        for one in nonsense:
            assert json.loads(said(tmp_path, one) or "{}").get("said", "counts") == "counts"
        assert said(tmp_path, b"") == b""
        assert host_door.question(settings(tmp_path), "run") is not None
    assert [one.said for one in came] == [None] * 5 + [1]


def test_what_a_killed_run_left_is_replaced_and_nobody_takes_it_for_a_run(tmp_path: Path) -> None:
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(host_door.place(settings(tmp_path), "run")))
    left.close()
    assert host_door.waiting(settings(tmp_path)) == []
    with host_door.opened(settings(tmp_path), "run", lambda: Shown("", "")):
        assert host_door.waiting(settings(tmp_path)) == ["run"]


def test_who_comes_when_the_wait_is_over_is_told(tmp_path: Path) -> None:
    with host_door.opened(settings(tmp_path), "run", lambda: Shown("", "")) as given:
        late = Given(None, "door")
        given.put(late)
    assert not late.results.get(timeout=5).accepted


def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(SettingsInvalid, match=r"file.*cannot|No answer can be taken"),
        host_door.opened(settings(tmp_path / "file"), "run", lambda: Shown("", "")),
    ):
        pass
