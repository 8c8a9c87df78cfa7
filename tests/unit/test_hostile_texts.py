"""Whatever stands in a text that others wrote, each medium shows one document of the same structure."""

import json
import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from email import message_from_bytes, policy
from functools import cache
from io import StringIO
from typing import Any, get_args
from uuid import UUID
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis
from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console

from runbook import logs, page, printable
from runbook.approval.asking import Waiting, above
from runbook.approval.authority import Question
from runbook.errors import Blocked, Declined
from runbook.page import Block, Bullets, Fixed, Link, Page, Section, Table, markdown
from runbook.planning import planpage, standingforecast
from runbook.rehearsing import trend
from runbook.settings import Settings
from runbook.telling import drawing, followups, mail, messages, report, terminal
from runbook.telling.summary import Summary
from tests import hostiletexts, samples
from tests.hostiletexts import seen, texts

HARMLESS = "Adax"
SETTINGS = Settings(target="staging", run_url="https://ui.example", mail_from="ops@example.org", _env_file=None)
AT_ONCE = 6
"""How many pieces stand in one text: with one each, the tests take a minute."""
Test = Callable[..., None]
PARSER = MarkdownIt("commonmark").enable("table").enable("strikethrough")
LINKED = re.compile(r"(?i)(?<!\\)\bhttps?://|\bftp://|\bwww\.\w|[\w.+-]@\w")
"""What Prefect's UI makes a link of by itself."""

few = hypothesis(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def every(test: Test) -> Test:
    """Try a test with each piece at least once, and with texts made of some."""
    for number in range(0, len(hostiletexts.PIECES), AT_ONCE):
        test = example(text=f"{'a'.join(hostiletexts.PIECES[number : number + AT_ONCE])}x")(test)
    return few(given(text=texts())(test))


def structure(markdown: str) -> Counter[str]:
    """Count what a page consists of: headings, rows, items, links, pictures, emphasis."""
    found: Counter[str] = Counter()
    for token in PARSER.parse(markdown):
        found.update(_parts(token))
    found["lines"] = len(markdown.split("\n"))
    return found


def _parts(token: Token) -> list[str]:
    inside = [part for child in token.children or () if child.type != "text" for part in _parts(child)]
    return [f"{token.type} {token.tag}", *inside]


def links(markdown: str) -> int:
    """Count what would become a link by itself, outside of code."""
    outside = re.sub(r"(?ms)^(`{3,})text$.*?^\1$|(?<!\\)`[^`\n]*`|\]\(<[^>\n]*>\)", "", markdown)
    return len(LINKED.findall(outside))


PAGES: dict[str, Callable[[str], str]] = {
    "plan": lambda text: planpage.plan_markdown(hostiletexts.plan(text), hostiletexts.request(text), samples.at(9)),
    "forecast": lambda text: standingforecast.markdown(hostiletexts.plan(text)),
    "report": lambda text: report.markdown(hostiletexts.summary(text)),
    "report in the UI": lambda text: report.markdown(hostiletexts.summary(text), whole=True),
    "post-mortem": lambda text: report.post_mortem(hostiletexts.summary(text)),
    "form": lambda text: above(_waiting(text), _question(text), samples.at(9), text),
    "rehearsals": lambda text: trend.markdown([rehearsal(text)], text),
}


def _waiting(text: str) -> Waiting:
    return Waiting(hostiletexts.request(text), SETTINGS, hostiletexts.plan(text), str(UUID(int=1)))


def _question(text: str) -> Question:
    return Question("a" * 64, samples.at(5), samples.at(30), text, [hostiletexts.approval(text)])


def rehearsal(text: str) -> dict[str, Any]:
    return {
        "label": text, "began": samples.at(1), "outcome": "done", "total": 9.0, "outage": 2.0, "transaction": 1.0,
        "longest_lock": 0.1, "longest_lock_on": text, "bytes": 9, "rows": 9, "scripts": text, "reason": text,
        "steps": [(text, 1.0, "done")],
    }  # fmt: skip


@pytest.mark.parametrize("text", [f"{piece}x" for piece in (*hostiletexts.PIECES, *hostiletexts.STARTS)])
def test_no_text_begins_anything(text: str) -> None:
    def written(text: str) -> str:
        blocks: list[Block] = [text, Bullets([text, text]), Bullets([text] * 12, numbered=True), Fixed([text])]
        blocks += [Table(("a", "b"), [(text, text)]), Table(("", ""), [(text, text), ("", text)])]
        blocks += [Link(text, f"https://ui.example/{text}")]
        return markdown(Page(text, blocks, [Section(text, blocks)]))

    assert seen(written(text))
    assert structure(written(text)) == structure(written(HARMLESS))
    assert links(written(text)) == links(written(HARMLESS))


@pytest.mark.attack(
    "texts",
    "puts any text into any field of request, plan, answer, step or error, so that plan, form or report gets a "
    "heading, a link, a picture, a table or HTML of theirs",
    "the one writer of Markdown escapes it",
)
@pytest.mark.parametrize("name", PAGES)
@every
def test_a_page_in_markdown_keeps_its_structure(name: str, text: str) -> None:
    written = PAGES[name](text)
    assert seen(written)
    assert (structure(written), links(written)) == harmless(name)


@cache
def harmless(name: str) -> tuple[Counter[str], int]:
    written = PAGES[name](HARMLESS)
    return structure(written), links(written)


@every
def test_a_table_of_the_ui_shows_texts(text: str) -> None:
    for rows in ([{"a": text, "b": 1}], trend.table([rehearsal(text)])):
        for cell in page.cells(rows)[0].values():
            said = str(cell)
            assert seen(said) and "\n" not in said and not LINKED.search(said)
            assert {part for part in structure(said) if part != "lines"} <= {
                "paragraph_open p",
                "paragraph_close p",
                "inline ",
            }


@every
def test_pictures_are_well_formed_and_keep_their_elements(text: str) -> None:
    pictures: list[Callable[[str], str]] = [
        lambda one: drawing.drawn(hostiletexts.summary(one)),
        lambda one: trend.drawn([rehearsal(one)]),
    ]
    for draw in pictures:
        svg = draw(text)
        assert seen(svg)
        shapes = [(one.tag, sorted(one.attrib)) for one in ElementTree.fromstring(svg).iter()]
        assert shapes == [(one.tag, sorted(one.attrib)) for one in ElementTree.fromstring(draw(HARMLESS)).iter()]


def screen(show: Callable[[str, Console], None], text: str) -> str:
    file = StringIO()
    show(text, Console(file=file, width=100_000, color_system=None, legacy_windows=False))
    return file.getvalue()


SCREENS: dict[str, Callable[[str, Console], None]] = {
    "plan": lambda text, console: terminal.plan(
        hostiletexts.plan(text), hostiletexts.request(text), console, samples.at(9)
    ),
    "end": lambda text, console: terminal.summary(hostiletexts.summary(text), console),
    "status": lambda text, console: terminal.status(hostiletexts.standing(text), console),
    "verify": lambda text, console: terminal.verified(hostiletexts.summary(text).checks, console),
    "error": lambda text, console: terminal.error(Blocked(text, text, text, [text]), console),
    "facts": lambda text, console: terminal.facts(text, [(text, text)], console),
}


def begun(shown: str) -> list[str]:
    """Return how each line begins that is none of a value's further lines."""
    return [re.sub(r"\S.*", "", line) for line in shown.split("\n") if not line.startswith("   ")]


@pytest.mark.attack(
    "texts", "the same, so that the terminal is steered or shows a line of theirs", "the one printer keeps lines apart"
)
@pytest.mark.parametrize("name", SCREENS)
@every
def test_a_terminal_shows_the_same_lines(name: str, text: str) -> None:
    shown = screen(SCREENS[name], text)
    assert seen(shown)
    assert begun(shown) == usual(name)


@cache
def usual(name: str) -> list[str]:
    return begun(screen(SCREENS[name], HARMLESS))


@pytest.mark.parametrize("event", get_args(messages.Event))
@every
def test_a_message_has_the_same_lines_and_no_markup(event: messages.Event, text: str) -> None:
    facts = replace(messages.facts(hostiletexts.summary(text), text, text), told=text, asked=text, plan=text)
    plain = replace(messages.facts(hostiletexts.summary(HARMLESS), "r", "1"), told="t", asked="a", plan="p")
    message, wanted = messages.team(SETTINGS, event, facts), messages.team(SETTINGS, event, plain)
    assert seen(message.title + message.body) and "\n" not in message.title
    labels = [line.partition(":")[0] for line in message.body.split("\n") if not line.startswith("    ")]
    assert labels == [line.partition(":")[0] for line in wanted.body.split("\n")]
    assert not re.search(r"\]\(|<[!@#/\w]|@(everyone|here|channel)\b", message.body)


@pytest.mark.attack(
    "texts",
    "the same, so that a mail gets another recipient, header or part",
    "a subject is one line, the body one text",
)
@every
def test_a_mail_has_the_same_headers_and_one_text(text: str) -> None:
    sent = message_from_bytes(mail._message(SETTINGS, "ann@example.org", text, text), policy=policy.default)
    assert sent.keys() == ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Type",
                           "Content-Transfer-Encoding", "MIME-Version"]  # fmt: skip
    assert sent["To"] == "ann@example.org" and sent.get_content_type() == "text/plain"
    said = sent.get_content().replace("\r\n", "\n")
    # What folds a long header may leave a blank where it folded.
    assert re.sub(r"\s", "", sent["Subject"]) == re.sub(r"\s", "", printable.line(text, mail.SUBJECT))
    assert said.rstrip("\n") == printable.text(text).rstrip("\n") and seen(said + sent["Subject"])


@every
def test_an_invitation_keeps_its_lines(text: str) -> None:
    def unfolded(incident: str) -> list[str]:
        done = samples.summary()
        other = done.request.model_copy(update={"incident": incident})
        lines = followups.invitation(replace(done, request=other)).split("\r\n")
        assert all(len(line.encode()) <= 75 and seen(line) and "\n" not in line for line in lines)
        return "\r\n".join(lines).replace("\r\n ", "").split("\r\n")

    assert [line.partition(":")[0] for line in unfolded(text)] == [line.partition(":")[0] for line in unfolded("I-1")]


def outside_url(text: str) -> str:
    return printable.masked(text).encode("utf-8", "backslashreplace").decode()


@every
def test_evidence_is_json_that_says_what_was_said(text: str) -> None:
    written = printable.as_json(report.evidence(hostiletexts.summary(text)))
    assert written.isascii() and seen(written)
    assert json.loads(written)["problem"] == outside_url(text)


@pytest.mark.attack("texts", "the same, so that the log has a line of theirs", "each line is cleaned as it is made")
@every
def test_a_log_line_is_one_line(text: str) -> None:
    before, file = logging.getLogRecordFactory(), StringIO()
    handler, log = logging.StreamHandler(file), logging.getLogger("runbook.hostile")
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    log.addHandler(handler)
    try:
        logs.guard()
        log.error("The text: %s.", text)
    finally:
        log.removeHandler(handler)
        logging.setLogRecordFactory(before)
    assert seen(file.getvalue()) and file.getvalue().count("\n") == 1


@every
def test_an_error_begins_no_line_but_its_own(text: str) -> None:
    said = str(Declined(f"Ann declined: {text}.", text, text))
    assert seen(said)
    starts = [line.partition(":")[0] for line in said.split("\n") if not line.startswith("  ")]
    assert starts == ["Ann declined", "State", "Do now"]


def test_a_traceback_in_the_log_shows_no_password_and_steers_nothing() -> None:
    before, file = logging.getLogRecordFactory(), StringIO()
    handler, log = logging.StreamHandler(file), logging.getLogger("prefect.hostile")
    log.addHandler(handler)
    try:
        logs.guard()
        logs.guard()
        try:
            raise ValueError("cannot reach https://ann:s3cret@host/ \x1b[2J")
        except ValueError:
            log.exception("Failed:\nhttps://ann:s3cret@host/")
    finally:
        log.removeHandler(handler)
        logging.setLogRecordFactory(before)
    assert "s3cret" not in file.getvalue() and seen(file.getvalue())
    assert "Failed:\nhttps://***@host/\nTraceback" in file.getvalue()


def test_a_summary_is_hostile_everywhere() -> None:
    """The strategies reach every text of a run: else the properties above would hold of nothing."""
    said = report.markdown(hostiletexts.summary("UNUSUALx"))
    assert said.count("UNUSUAL") > 40
    assert isinstance(hostiletexts.summary("x" * 5), Summary)
