"""Users are mailed through a real SMTP server, whatever it does with their messages."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from runbook.demo import world
from runbook.errors import NotificationFailed
from runbook.settings import Settings
from runbook.telling import mail, post
from tests import smtp as server
from tests.smtp import ALWAYS, DROP, HANG, USERS, Server

# The server of the test warns that logging in without TLS is unwise; here both ends are this process.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")

ANN, BOB = USERS[:2]


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with server.running(tmp_path, monkeypatch) as made:
        yield made


def test_each_user_gets_a_message_of_their_own(smtp: Server) -> None:
    body = "Grüße\n.\n..\n.Ende"
    delivery = smtp.send(smtp.start(), USERS, "Bitte neu anmelden: Grüße", body)
    assert delivery == mail.Delivery(accepted=set(USERS))
    assert smtp.receivers() == USERS == list(smtp.record)
    for user, message in zip(USERS, smtp.mails(), strict=True):
        assert message["To"] == user
        assert not any(other in str(message) for other in USERS if other != user)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@dt.example>")
        assert message["Date"]
        assert message.get_payload(decode=True).decode().splitlines() == body.splitlines()
    assert len({message["Message-ID"] for message in smtp.mails()}) == 4


def test_a_doubled_address_is_mailed_once(smtp: Server) -> None:
    smtp.send(smtp.start(), [*USERS, USERS[3]])
    assert smtp.receivers() == USERS


@pytest.mark.parametrize(
    "bad",
    [
        "",
        " ",
        "nobody",
        "a@b, c@d",
        "a@b\nBcc: c@d",
        "ann@example.org\n",
        "a@b@c",
        "<a@b>",
        "x y@z.org",
        "müller@z.org",
        "a@müller.org",
        "a\0@b.org",
        "(user 00000000-0000-0000-0000-000000000001 has no address)",
    ],
)
def test_what_is_no_address_is_refused_for_good(smtp: Server, bad: str) -> None:
    delivery = smtp.send(smtp.start(), [bad, ANN])
    assert (delivery.accepted, list(delivery.refused)) == ({ANN}, [bad])
    assert smtp.receivers() == [ANN]
    assert smtp.record == {bad: "refused", ANN: "accepted"}


REFUSALS = [
    # at a stage, the server says, and then what became of bob; the others were accepted in any case
    ("RCPT", "550 no mailbox here", "refused"),
    ("RCPT", "553 5.1.3 bad address", "refused"),
    ("RCPT", "552 5.2.2 mailbox full", "refused"),
    ("RCPT", "550 5.7.133 members only", "refused"),
    ("end of data", "554 5.6.0 content refused", "refused"),
    ("RCPT", "452 4.2.2 mailbox full", "waiting"),
    ("end of data", "451 4.3.0 try again later", "waiting"),
]


@pytest.mark.parametrize(("stage", "said", "fate"), REFUSALS)
@pytest.mark.parametrize("first", [True, False])
def test_one_who_is_not_taken_does_not_stop_the_others(
    smtp: Server, stage: str, said: str, fate: str, first: bool
) -> None:
    smtp.box.mood(stage, said, ALWAYS, BOB)
    delivery = smtp.send(smtp.start(), [BOB, *[u for u in USERS if u != BOB]] if first else USERS)
    others = {user for user in USERS if user != BOB}
    assert delivery.accepted == others
    assert getattr(delivery, fate) == {BOB: said}
    assert smtp.record[BOB] == fate
    assert set(smtp.receivers()) == others


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "end of data"])
@pytest.mark.parametrize("said", ["451 4.3.2 try again later", "421 4.7.0 too busy", DROP])
def test_what_is_temporary_is_tried_again(smtp: Server, stage: str, said: str) -> None:
    doubtful = (stage, said) == ("end of data", DROP)
    smtp.box.mood(stage, said, 2)
    delivery = smtp.send(smtp.start({"mail_seconds": 5}), USERS)
    # A line that breaks after all of a message went over is the one case in which nobody can know.
    assert len(delivery.doubtful) == (2 if doubtful else 0)
    assert delivery.accepted == set(USERS) - set(delivery.doubtful)
    assert smtp.receivers() == sorted(delivery.accepted)
    assert delivery.trouble == ""


def test_greylisting_is_waited_for(smtp: Server) -> None:
    smtp.box.greylists = True
    delivery = smtp.send(smtp.start(), USERS)
    assert delivery == mail.Delivery(accepted=set(USERS))
    assert smtp.receivers() == USERS
    assert set(smtp.box.asked.values()) == {2}


@pytest.mark.parametrize("stage", ["connect", "EHLO", "MAIL", "RCPT", "DATA", "end of data"])
def test_a_server_that_stays_busy_leaves_everybody_waiting(smtp: Server, stage: str) -> None:
    smtp.box.mood(stage, "451 4.3.2 try again later", ALWAYS)
    began = time.monotonic()
    delivery = smtp.send(smtp.start(), USERS)
    assert time.monotonic() - began < 5
    assert set(delivery.waiting) == set(USERS)
    assert "451 4.3.2 try again later" in delivery.trouble
    assert smtp.receivers() == []
    smtp.box.moods.clear()
    assert smtp.send(smtp.start(), list(delivery.waiting)).accepted == set(USERS)


@pytest.mark.parametrize(
    ("stage", "said"),
    [
        ("connect", "554 5.7.1 your address is blocked"),
        ("MAIL", "530 5.7.0 authentication required"),
        ("RCPT", "554 5.7.1 relay access denied"),
        ("RCPT", "530 5.7.0 must issue STARTTLS first"),
        ("DATA", "554 5.5.1 no valid recipients"),
        ("end of data", "554 5.7.1 looks like spam"),
    ],
)
def test_a_server_that_refuses_everybody_is_nobodys_fault(smtp: Server, stage: str, said: str) -> None:
    smtp.box.mood(stage, said, ALWAYS)
    delivery = smtp.send(smtp.start(), USERS)
    assert (set(delivery.waiting), delivery.refused) == (set(USERS), {})
    assert said in delivery.trouble
    assert delivery.remedy.startswith(("Check", "Set ROLLBACK_MAIL_FROM"))
    assert "refused" not in smtp.record.values()


def test_a_server_that_took_messages_before_refuses_for_a_recipients_sake(smtp: Server) -> None:
    smtp.box.mood("RCPT", "550 5.7.1 members only", ALWAYS)
    assert smtp.send(smtp.start(), [BOB], accepted_before=True).refused == {BOB: "550 5.7.1 members only"}


def test_a_lost_connection_is_made_anew(smtp: Server) -> None:
    smtp.box.messages_per_connection = 1
    assert smtp.send(smtp.start(), USERS).accepted == set(USERS)
    assert smtp.receivers() == USERS


def test_a_message_that_may_have_arrived_is_not_sent_again(smtp: Server) -> None:
    smtp.box.mood("end of data", DROP)
    delivery = smtp.send(smtp.start(), USERS)
    assert "may have arrived" in delivery.doubtful[ANN]
    assert smtp.receivers() == USERS[1:]


def test_it_is_doubtful_before_the_server_is_asked(smtp: Server) -> None:
    seen: list[tuple[str, list[str]]] = []

    def write(address: str, fate: str, said: str) -> None:
        seen.append((fate, smtp.receivers()))
        if fate == "doubtful":
            raise KeyboardInterrupt  # as a process that is killed at this moment

    with pytest.raises(KeyboardInterrupt):
        mail.send_users(smtp.start(), [ANN], "s", "b", write)
    assert seen == [("doubtful", [])]
    assert smtp.receivers() == []


def test_a_server_that_is_gone_is_named(smtp: Server) -> None:
    settings = Settings(smtp_host="localhost", smtp_port=world.free_port(), mail_seconds=0.5, _env_file=None)
    delivery = smtp.send(settings, USERS)
    assert set(delivery.waiting) == set(USERS)
    assert "refused" in delivery.trouble
    with pytest.raises(NotificationFailed, match="cannot be used now"):
        mail.check(settings)


def silent(line: socket.socket) -> None:
    time.sleep(30)


def dripping(line: socket.socket) -> None:
    while True:
        line.sendall(b"2")
        time.sleep(0.1)


def endless(line: socket.socket) -> None:
    while True:
        line.sendall(b"220-wait\r\n")
        time.sleep(0.05)


@pytest.mark.parametrize("manner", [silent, dripping, endless])
def test_a_server_that_hangs_holds_nobody_up(
    smtp: Server, manner: Callable[[socket.socket], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.5)
    monkeypatch.setattr(post, "WHOLE_SECONDS", 1.0)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                    threading.Thread(target=talk, args=(line,), daemon=True).start()
                except OSError:
                    return

        def talk(line: socket.socket) -> None:
            with line:
                try:
                    manner(line)
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        port = listener.getsockname()[1]
        settings = Settings(smtp_host="127.0.0.1", smtp_port=port, mail_seconds=1.5, _env_file=None)
        began = time.monotonic()
        delivery = smtp.send(settings, USERS)
        assert time.monotonic() - began < 6
    assert set(delivery.waiting) == set(USERS)
    assert delivery.trouble


@pytest.mark.parametrize("stage", ["EHLO", "RCPT", "DATA"])
def test_a_server_that_falls_silent_is_left(smtp: Server, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.5)
    smtp.box.mood(stage, HANG)
    assert smtp.send(smtp.start({"mail_seconds": 5}), USERS).accepted == set(USERS)
    assert smtp.receivers() == USERS


def test_a_server_that_never_says_what_becomes_of_messages_gets_no_more(
    smtp: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post, "SECONDS", 0.3)
    many = [f"user{number}@example.org" for number in range(12)]
    for _ in many:
        smtp.box.mood("end of data", HANG)
    delivery = smtp.send(smtp.start({"mail_seconds": 60}), many)
    assert len(delivery.doubtful) == mail.SILENT
    assert len(delivery.waiting) == len(many) - mail.SILENT
    assert "does not say what becomes of them" in delivery.trouble


def test_a_refused_sender_ends_the_mailing(smtp: Server) -> None:
    delivery = smtp.send(smtp.start({"mail_from": "banned@dt.example"}), USERS)
    assert set(delivery.waiting) == set(USERS)
    assert "refused the sender (550 no such sender here)" in delivery.trouble


def test_no_mail_server_is_nothing_to_check() -> None:
    mail.check(Settings(_env_file=None))
