"""Users are mailed through a real SMTP server, whatever it does with their messages."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.demo import world
from runbook.errors import NotificationFailed
from runbook.settings import Settings
from runbook.telling import mail
from tests import smtp as server
from tests.smtp import USERS, Server

# The server of the test warns that logging in without TLS is unwise; here both ends are this process.
pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")


@pytest.fixture
def smtp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with server.running(tmp_path, monkeypatch) as made:
        yield made


def test_each_user_gets_a_message_of_their_own(smtp: Server) -> None:
    delivery = smtp.send(smtp.start(), USERS, "Bitte neu anmelden: Grüße", "Grüße\n.\nEnde")
    assert delivery == mail.Delivery(4, 0, {})
    assert smtp.receivers() == USERS == smtp.record
    for user, message in zip(USERS, smtp.mails(), strict=True):
        assert message["To"] == user
        assert not any(other in str(message) for other in USERS if other != user)
        assert message["Auto-Submitted"] == "auto-generated"
        assert message["Message-ID"].endswith("@dt.example>")
        assert message["Date"]
        assert message.get_payload(decode=True).decode().splitlines() == ["Grüße", ".", "Ende"]
    assert len({message["Message-ID"] for message in smtp.mails()}) == 4


def test_a_retry_mails_nobody_twice_and_neither_does_a_doubled_address(smtp: Server) -> None:
    settings = smtp.start()
    smtp.send(settings, USERS[:2])
    assert smtp.send(settings, [*USERS, USERS[3]]) == mail.Delivery(2, 2, {})
    assert smtp.receivers() == USERS


def test_a_refused_recipient_does_not_stop_the_others(smtp: Server) -> None:
    smtp.box.refuse = "bob@example.org"
    delivery = smtp.send(smtp.start(), USERS)
    assert (delivery.sent, delivery.failed) == (3, {"bob@example.org": "550 no mailbox here"})
    assert smtp.record == smtp.receivers() == [u for u in USERS if u != "bob@example.org"]


@pytest.mark.parametrize(
    "bad", ["", "nobody", "a@b, c@d", "a@b\nBcc: c@d", "a@b@c", "<a@b>", "x y@z.org", "müller@z.org", "a@müller.org"]
)
def test_what_is_no_address_is_collected(smtp: Server, bad: str) -> None:
    delivery = smtp.send(smtp.start(), [bad, "ann@example.org"])
    assert (delivery.sent, list(delivery.failed)) == (1, [bad])
    assert smtp.receivers() == ["ann@example.org"]


def test_a_lost_connection_is_made_anew(smtp: Server) -> None:
    smtp.box.messages_per_connection = 1
    assert smtp.send(smtp.start(), USERS) == mail.Delivery(4, 0, {})
    assert smtp.receivers() == USERS == smtp.record


def test_a_server_that_always_hangs_up_ends_the_mailing_and_says_how_many_remain(smtp: Server) -> None:
    smtp.box.messages_per_connection = 0
    with pytest.raises(NotificationFailed, match=r"lost 4 connections in a row .*; 3 users remain unmailed"):
        smtp.send(smtp.start(), USERS)
    assert smtp.record == []


def test_a_message_that_may_have_arrived_is_never_sent_again(smtp: Server) -> None:
    smtp.box.hang_up_in_data = True
    settings = smtp.start()
    delivery = smtp.send(settings, USERS[:1])
    assert "may have arrived" in delivery.failed[USERS[0]]
    smtp.box.hang_up_in_data = False
    assert smtp.send(settings, USERS) == mail.Delivery(3, 1, {})


def test_a_server_that_dies_on_every_message_is_given_up(smtp: Server) -> None:
    smtp.box.hang_up_in_data = True
    with pytest.raises(NotificationFailed, match="2 users remain"):
        smtp.send(smtp.start(), [*USERS, "eve@example.org", "fay@example.org"])
    assert len(smtp.record) == 4


def test_a_server_that_is_gone_is_tried_again_and_then_named(smtp: Server) -> None:
    settings = Settings(smtp_host="localhost", smtp_port=world.free_port(), _env_file=None)
    with pytest.raises(NotificationFailed, match="4 users remain unmailed"):
        smtp.send(settings, USERS)
    with pytest.raises(NotificationFailed, match="cannot be used"):
        mail.check(settings)


def test_a_refused_sender_ends_the_mailing(smtp: Server) -> None:
    with pytest.raises(NotificationFailed, match=r"refused the sender \(550 no such sender here\); 4 users remain"):
        smtp.send(smtp.start({"mail_from": "banned@dt.example"}), USERS)


def test_no_mail_server_is_a_decision(smtp: Server) -> None:
    settings = Settings(_env_file=None)
    mail.check(settings)
    assert smtp.send(settings, USERS) == mail.Delivery(0, 0, {})
    assert smtp.record == []
