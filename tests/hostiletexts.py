"""Texts that try to pass for more than a text, and what each of them may do to what shows it: nothing."""

import unicodedata
from dataclasses import replace
from uuid import UUID

from hypothesis import strategies as st

from runbook.approval.answer import Approval
from runbook.models import Check, Firing, Identity, Plan, Session, Step, Try
from runbook.request import RollbackRequest
from runbook.safekeeping.kept import Copy
from runbook.telling.standing import Standing
from runbook.telling.summary import Summary
from tests import samples

PIECES = (
    "\x1b[2J\x1b]8;;https://evil.example\x07", "\x9b31m", "\x00", "\x7f", "\r\n", "\n", "\r", "\t", "\v", "\f", "\x1c",
    "\x85", "\u2028", "\u2029", "\u202e", "\u2066", "\u200b", "\u200d", "\ufeff", "\u00ad", "\u3164", "\ufffe",
    "\U000e0041", "\ud800", "\nState: rolled back\nDo now: nothing", "\nRun: https://evil.example/runs",
    "\n\n# Approved",
    "\n- done", "\n1. go on", "\n---\n", "\n===\n", "\n| a | b |\n| --- | --- |\n", "\n```\n", "~~~", "> quote",
    "[click](https://evil.example)", "![x](https://evil.example/x.png)", "<img src=x onerror=alert(1)>", "</title>",
    "<script>", "&#x202e;", "&lt;b&gt;", "]]>", "<!--", "https://evil.example", "www.evil.example", "ann@evil.example",
    "*bold*", "__bold__", "`code`", "``", "\\", "|", "\\|", "<!channel>", "@everyone", '"', "'", "; rm -rf /", "$(id)",
    "\nBcc: all@example.org\n\nHello", "=?utf-8?q?x?=", "END:VEVENT", "{{ 7 * 7 }}", "{0}", "%s", "[bold]x[/bold]", "#",
)  # fmt: skip

SHAPELESS = {"\u034f", "\u115f", "\u1160", "\u2800", "\u3164", "\uffa0"}
"""Letters and marks of which nothing is seen."""

STARTS = (
    "# ",
    "- ",
    "+ ",
    "* ",
    "1. ",
    "2) ",
    "> ",
    "~~~",
    "===",
    "---",
    "    code ",
    "| ",
    "<div>",
    "[a]: https://b.example",
)
"""What means something at the beginning of a line of Markdown."""


def texts() -> st.SearchStrategy[str]:
    """Return texts made of such pieces and of anything else; each ends with something that can be seen."""
    piece = st.sampled_from(PIECES) | st.text(max_size=8)
    return st.lists(piece, min_size=1, max_size=6).map(lambda parts: f"{''.join(parts)}x")


def seen(text: str) -> bool:
    """Tell whether each character of a text but its newlines can be seen, and none steers what shows it."""
    hidden = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
    return all(char == "\n" or (unicodedata.category(char) not in hidden and char not in SHAPELESS) for char in text)


def plan(text: str) -> Plan:
    """Return a plan that has a text wherever the database, the server or a program had a say."""
    whole = samples.plan()
    return replace(
        whole,
        identity=Identity(1, text, 160014),
        removed={text: 3},
        placeholders={f"{text}.y": 2},
        unlinked={text: 1},
        kept={text: 7},
        blocking={text: 1},
        sessions=[Session(1, text, text, text, "idle", 1.0)],
        blockers=[text],
        warnings=[text, f"{text}y"],
        fires=[Firing("trigger", text, text, ("INSERT",), text, {text: ("INSERT",)}, True)],
        release=whole.release and replace(whole.release, current=text),
    )


def request(text: str) -> RollbackRequest:
    """Return a request as it may stand in a journal that somebody else wrote: unchecked."""
    return samples.request().model_copy(update={"reason": text, "requested_by": text, "late_reason": text})


def approval(text: str) -> Approval:
    """Return an answer with such texts, unchecked."""
    return Approval.model_construct(decision="approve", name=text, role="CTO", comment=text, without_rehearsal=text)


def summary(text: str) -> Summary:
    """Return a run that has a text wherever somebody else had a say."""
    answer = Try(samples.at(9), text, text, text, text, text, text, text, text, False, text)
    steps = [*samples.steps(), samples.step(text, 44, 1, "failed", error=text), samples.step("x", 46, 1, summary=text)]
    copy = Copy(text, UUID(int=1), "INC-2041", samples.at(30), f"/{text}.sql", 1, True, None)
    found = text.replace("\n", " ")  # a check that found several things has a line for each
    return samples.summary(
        request=request(text),
        plan=plan(text),
        approval=approval(text),
        steps=steps,
        checks=[Check(text, text, found, False), Check(text, text, found, True)],
        state=text,
        next=text,
        problem=text,
        tries=[answer],
        archived={text: 1},
        copy=copy,
        backup=replace(samples.backup(), path=f"/{text}", programs=text),
        page=f"https://ui.example/{text}",
    )


def standing(text: str) -> Standing:
    """Return where one stands by a journal that somebody else wrote."""
    last = {"incident": text, "outcome": text, "state": text}
    steps = [Step(text, samples.at(1), samples.at(2), "failed", {"error": text})]
    return Standing(text, None, {"010": text}, False, text, last, steps, text, False, text)
