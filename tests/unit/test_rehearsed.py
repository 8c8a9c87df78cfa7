"""Whether a rehearsal is fresh, of these very scripts, and what an approver is told and must say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

import sql
from runbook.approval import demands
from runbook.approval.answer import Answer
from runbook.errors import NotEntitled
from runbook.outlook import Rehearsal
from runbook.planning import plandata, planpage, rehearsed, standingforecast
from runbook.rehearsing import history
from tests import samples

NOW = datetime(2026, 11, 22, 22, 0, tzinfo=UTC)
WORD = "Staging is down since Monday."
FRESH = Rehearsal(30, "REHEARSAL-1", NOW - timedelta(days=3), 6.1)
NONE = Rehearsal(30, lacking="No rehearsal was ever done. The approver must say why it goes without one.")


def newest(days: float, *, same: bool = True) -> Sequence[dict[str, Any]]:
    ended = NOW - timedelta(days=days)
    return [{"label": "REHEARSAL-1", "target": "staging", "ended": ended, "outage": 6.1, "same": same}]


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "No rehearsal was ever done."),
        (newest(1, same=False), "never rehearsed; the newest of other ones was REHEARSAL-1 on staging, 1 day ago"),
        (newest(30.1), "is too old: REHEARSAL-1 on staging, 30 days ago; one is wanted within 30 days"),
        (newest(30), ""),
        (newest(0), ""),
        (newest(-0.01), ""),  # the clocks of two servers
    ],
)
def test_only_a_recent_one_of_these_very_scripts_counts(rows: Sequence[dict[str, Any]], said: str) -> None:
    found = rehearsed.judge(rows, 30, NOW)
    assert bool(found.lacking) == bool(said)
    assert said in found.lacking
    assert not said or "The approver must say why" in found.lacking


@pytest.mark.parametrize(("days", "said"), [(0.2, "4 h 48 min ago"), (1.5, "1 day ago"), (40, "40 days ago")])
def test_ages_are_said_as_people_say_them(days: float, said: str) -> None:
    assert rehearsed.ago(NOW - timedelta(days=days), NOW) == said


def test_the_hash_of_the_scripts_knows_content_and_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    known = history.scripts("temporary passwords", "keep")
    assert known == history.scripts("temporary passwords", "keep") and len(known) == 64
    choices = {history.scripts(oauth, gemini) for oauth in ("delete", "keep") for gemini in ("keep", "remove")}
    assert len(choices | {known}) == 5
    real = sql.digest
    for changed in ("rollback/010_rollback_knowledge_base.sql", "verify/012_rollback_oauth.sql", "oauth/delete.sql"):
        monkeypatch.setattr(sql, "digest", lambda name, one=changed: "0" * 64 if name == one else real(name))
        assert history.scripts("temporary passwords", "keep") != known, changed


def test_the_plan_of_an_approval_knows_that_there_is_none_and_not_how_old_one_is() -> None:
    plain, none = samples.plan(), samples.plan(rehearsal=NONE)
    older = Rehearsal(30, "REHEARSAL-0", NOW - timedelta(days=20), 9.0)
    unread = Rehearsal(30, lacking="Whether this was rehearsed is not known. The approver must say why.")
    assert samples.plan(rehearsal=FRESH).hash == samples.plan(rehearsal=older).hash == plain.hash
    assert none.hash == samples.plan(rehearsal=unread).hash != plain.hash
    assert plandata.plan_json(none)["rehearsal"]["lacking"] == NONE.lacking


def test_plan_and_standing_forecast_say_it_with_the_outage_that_was_measured() -> None:
    drawn = samples.plan(rehearsal=FRESH, drawn_at=NOW)
    said = "REHEARSAL-1, 3 days ago, of these very scripts: users offline for 6.1 s"
    for page in (planpage.plan_markdown(drawn, samples.request(), NOW), standingforecast.markdown(drawn)):
        assert said in page
    for page in (
        planpage.plan_markdown(samples.plan(rehearsal=NONE), samples.request(), NOW),
        standingforecast.markdown(samples.plan(rehearsal=NONE)),
    ):
        assert "Rehearsal: No rehearsal was ever done." in page
    assert "ehears" not in planpage.plan_markdown(samples.plan(), samples.request(), NOW)


def answer(**said: str) -> Answer:
    fields = {"decision": "approve", "name": "Ada Lovelace", "role": "CTO", "plan": "1f3a2b4c", "code": "123456"}
    return Answer.model_validate({**fields, **said})


@pytest.mark.parametrize("word", ["", "ok", " . . . . . . . . . . "])
def test_an_approval_without_the_word_does_not_count(word: str) -> None:
    with pytest.raises(NotEntitled, match="without_rehearsal"):
        demands.check(answer(without_rehearsal=word), doubtful=False, unrehearsed=True)
    demands.check(answer(without_rehearsal=word), doubtful=False, unrehearsed=False)
    demands.check(answer(without_rehearsal=word, decision="decline"), doubtful=True, unrehearsed=True)
    demands.check(answer(without_rehearsal=WORD), doubtful=False, unrehearsed=True)


def test_all_that_is_missing_is_said_at_once() -> None:
    with pytest.raises(NotEntitled) as caught:
        demands.check(answer(comment=""), doubtful=True, unrehearsed=True)
    assert "say in the comment" in caught.value.problem and "without_rehearsal" in caught.value.problem
    with pytest.raises(NotEntitled, match="doubtful"):
        demands.check(answer(without_rehearsal=WORD), doubtful=True, unrehearsed=True)
