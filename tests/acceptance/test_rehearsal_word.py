"""The prompt asks why a rollback of production goes without a fresh rehearsal, and only then."""

from pathlib import Path

import pytest

from tests.acceptance.operator import REQUEST, at_baseline, code, desk, terminal
from tests.databases import Database

pytestmark = pytest.mark.pg("18")
WHY = "Staging is down since Monday."


def test_the_prompt_asks_for_the_word_and_it_is_recorded(transformed: Database, tmp_path: Path) -> None:
    at = desk(transformed, tmp_path, ROLLBACK_TARGET="production", ROLLBACK_REHEARSAL_DAYS="30")
    with terminal(at, "run", *REQUEST) as screen:
        screen.expect("Whether this was rehearsed is not known: ROLLBACK_REHEARSAL_HISTORY is not set")
        for question, words in (
            ("Decision", "approve"),
            ("Your name", "Ada Lovelace"),
            ("Your role", "CTO"),
            ("Plan that you read", ""),
            ("Comment", ""),
            ("why it goes without", WHY),
        ):
            screen.expect(question)
            screen.type(words)
        screen.expect("One-time code")
        screen.type(code())
        assert screen.end() == 0, screen.text
    assert at_baseline(transformed)
    assert transformed.value("SELECT without_rehearsal FROM rollback.approval") == WHY
