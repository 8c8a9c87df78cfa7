"""What is shown of a text: everything that can be seen, and no credentials."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runbook import printable
from tests.hostiletexts import seen, texts


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë 😀 ⚠️ 日本 naïve", "Zoë 😀 ⚠️ 日本 naïve"),
        ("a\x1b[2Jb", r"a\x1b[2Jb"),
        ("nul\x00, del\x7f, c1\x9b", r"nul\x00, del\x7f, c1\x9b"),
        ("left\u202eright\u2066", r"left\u202eright\u2066"),
        ("zero\u200bwidth\u200d\ufeff\u00ad", r"zero\u200bwidth\u200d\ufeff\xad"),
        ("two\u2028lines\u2029", r"two\u2028lines\u2029"),
        ("tag\U000e0041", r"tag\U000e0041"),
        ("filler\u3164", r"filler\u3164"),
        ("no\ud800pair", r"no\ud800pair"),
        ("wide\u3000space\u00a0", "wide space "),
        ("a\tb\r\nc\rd\ne", "a    b\nc\nd\ne"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_its_escape(text: str, shown: str) -> None:
    assert printable.text(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://ann:pw@host/x", "https://***@host/x"),
        ("https://ghp_token@github.com/a.git", "https://***@github.com/a.git"),
        ("postgresql://ann:p/a?s#s@db:5432/x", "postgresql://***@db:5432/x"),
        ("redis://:pw@cache, amqp://u:p@q@mq", "redis://***@cache, amqp://***@mq"),
        ("URL('socks5://ann:pw@proxy:1080')", "URL('socks5://***@proxy:1080')"),
        ("https://host/health?token=abc&x=1", "https://host/health?token=***&x=1"),
        ("otpauth://totp/x?secret=JBSWY3DP&issuer=i", "otpauth://totp/x?secret=***&issuer=i"),
        ("host=db password=pw dbname=x", "host=db password=*** dbname=x"),
        (r"password='it\'s pw' user=ann", "password=*** user=ann"),
        ("PGPASSWORD=pw psql", "PGPASSWORD=*** psql"),
        ("ROLLBACK_SMTP_PASSWORD='p w'", "ROLLBACK_SMTP_PASSWORD=***"),
        ('{"password": "p\\"w", "user": "ann"}', '{"password": ***, "user": "ann"}'),
        ("UPDATE t SET api_key = 'it''s'", "UPDATE t SET api_key = ***"),
        ("Authorization: Basic YTpi", "Authorization: Basic ***"),
        ("authorization: Bearer abc.def", "authorization: Bearer ***"),
        ("curl -u ann:pw https://host", "curl -u *** https://host"),
        ("https://hooks.slack.com/services/T1/B2/abc", "https://hooks.slack.com/services/***"),
        ("ghp_0123456789012345678901 is revoked", "*** is revoked"),
    ],
)
def test_credentials_are_masked(text: str, shown: str) -> None:
    assert printable.line(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "http://127.0.0.1:3001/health",
        "http://host:8080/packages/@scope/name",
        "registry.example/app@sha256:0123",
        "git@github.com:team/app.git",
        "mailto:ann@example.org",
        "users.password_hash IS NULL",
        "SET password_hash = '$2b$10$TEMPORARY'",
        "UPDATE users SET reset_token_expires = now()",
        "critical functionality broken: auth",
        "the author=Ann, secretary=Bob",
        "sha256=0123456789abcdef",
        "basic functionality, bearer of news",
        "psql -X -d postgres -v 'database=a b' -f x.sql",
        "slack://token-a/token-b/token-c",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert printable.line(text) == text


@given(texts())
def test_a_line_is_one_line_and_stays_as_it_is(text: str) -> None:
    line = printable.line(text)
    assert seen(line) and "\n" not in line
    assert printable.line(line) == line
    assert printable.text(printable.text(text)) == printable.text(text)


@given(st.text())
def test_nothing_that_can_be_seen_is_lost(text: str) -> None:
    plain = "".join(char for char in text if char.isprintable() and char.isalnum())
    shown = printable.shown(text)
    position = 0
    for char in plain:
        if not seen(char):
            continue
        position = shown.index(char, position) + 1


def test_a_long_text_says_how_much_is_left() -> None:
    assert printable.line("x" * 12, 10) == f"{'x' * 10}… (2 characters more)"
    assert len(printable.line("x" * 100_000)) < printable.LONGEST + 40


@pytest.mark.parametrize("piece", ["://", "://a:", "://a@", "password=", "token='", '"', "&token", "a", "auth: "])
def test_a_long_text_is_masked_in_a_moment(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    began = time.process_time()
    printable.masked(text)
    assert time.process_time() - began < 5  # were it not linear in the text, this would take minutes


def test_json_for_machines_keeps_what_was_said_but_secrets() -> None:
    said = {"a\x7f": ["\x1b\u202e", ("https://a:b@c",), None, 1, True], "at": "é"}
    written = printable.as_json(said)
    assert written.isascii() and seen(written)
    assert json.loads(written) == {"a\x7f": ["\x1b\u202e", ["https://***@c"], None, 1, True], "at": "é"}
