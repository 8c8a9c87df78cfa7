import re

import pytest

from runbook.models import Check, Firing
from runbook.telling import followups, report
from runbook.telling.summary import Summary, outage, outage_words
from runbook.telling.told import Told
from tests import samples


def first(summary: Summary) -> str:
    return report.markdown(summary).splitlines()[0]


def test_the_first_line_says_what_happened_where_when_and_for_how_long() -> None:
    assert first(samples.summary()) == (
        "# Rolled back: digitaltwin (production), 2026-11-22 22:30:43 UTC; users were offline for 42.0 s"
    )
    assert first(samples.failed()).startswith("# FAILED at step '012': digitaltwin")
    late = samples.summary(
        outcome="failed", committed=True, steps=[*samples.steps()[:-2], samples.step("verify", 42, 1, "failed")]
    )
    assert first(late).startswith("# FAILED at step 'verify', after the commit: the schema is rolled back")
    between = samples.summary(outcome="failed", steps=samples.steps()[:1])
    assert first(between).startswith("# FAILED after step 'assess': digitaltwin")
    assert first(samples.summary(outcome="failed", steps=[])).startswith("# FAILED before the first step: ")


def test_a_run_that_never_began_says_so() -> None:
    refused = samples.summary(
        outcome="refused", plan=None, approval=None, steps=[], backup=None, checks=[], archived={}
    )
    assert first(refused).startswith("# Refused: not reached (production)")
    declined = samples.summary(outcome="declined", steps=samples.steps()[:2], backup=None, checks=[], archived={})
    assert first(declined).endswith("; users were not taken offline by the runbook")
    for unwanted in ("pg_restore", "archived_users", "Reschedule", "Rows", "Verification"):
        assert unwanted not in report.markdown(declined)


def test_a_rollback_whose_checks_differ_is_not_called_clean() -> None:
    odd = samples.summary(checks=[*samples.checks(), Check("user_role", "professional", "kb_owner", False)])
    assert "Rolled back, but 1 check did not match" in first(odd)
    page = report.markdown(odd)
    assert page.index("DIFFERS") < page.index("## Timeline")


def test_the_outage_lasts_from_stopping_to_starting() -> None:
    assert outage_words(samples.summary()) == "users were offline for 42.0 s"
    assert outage_words(samples.failed()) == "users were offline for 35.1 s"
    still = samples.summary(steps=samples.steps()[:8], outcome="failed")
    assert outage_words(still) == "users are offline since 2026-11-22 22:30:00 UTC"
    unmanaged = samples.summary(steps=[samples.step("stop services", 0, 0, "skipped")])
    assert outage_words(unmanaged) == "users were not taken offline by the runbook"


def test_a_second_run_that_stops_again_does_not_shorten_the_outage() -> None:
    again = [*samples.failed().steps[:-1], samples.step("stop services", 60, 1), samples.step("open and start", 70, 5)]
    assert outage_words(samples.summary(steps=again)) == "users were offline for 1 min 15 s"


def test_the_report_holds_what_the_record_needs() -> None:
    page = report.markdown(samples.summary())
    for fact in (
        "The database is at its baseline and release v1.8.3 runs.",
        "| 22:30:02 | back up | 23.1 s | done | 214 MB, 342 entries, sha256 1f3a00000000 |",
        "users offline      |====",
        "Theo Lead (Team Lead) chose 'approve' at 2026-11-22 22:29:00 UTC. Said: \"Hotfix impossible.\"",
        samples.plan().hash,
        "a" * 64,
        '214 users without a password must use "Forgot password"',
        "| ok | message_sender | user, assistant, professional | user, assistant, professional |",
        "214 MB (214,000,000 bytes), 342 entries",
        samples.DUMP_SHA,
        "| `rollback.archived_users` | 245 |",
        "| `rollback.archived_knowledge_bases` | 118 |",
        "A view the team added reads messages.sender; it stays.",
        "| users.oauth_id | 245 | left its table",
        "| digital_twins.profession | 9 | got a placeholder |",
    ):
        assert fact in page


def test_the_five_actions_of_the_procedure_stand_with_their_times() -> None:
    page = report.markdown(samples.summary())
    for action in ("1. Notify users", "2. Post-mortem", "3. Document issues", "4. Fix issues", "5. Reschedule"):
        assert f"| {action} |" in page
    assert page.count("by 2026-11-23 22:30:43 UTC") == 2
    assert "mailed by the step notify" in page
    everybody = Told({"accepted": 1445}, {"accepted": 2})
    assert "done: 1,445 users: 1,445 accepted" in report.markdown(samples.summary(told=everybody))
    some = Told({"accepted": 1440, "refused": 2, "waiting": 3}, trouble="451 greylisted")
    page = report.markdown(samples.summary(told=some))
    assert "OPEN: 1,445 users: 1,440 accepted by the mail server, 2 refused for good, 3 waiting" in page
    assert "--no-notify-users" in page
    silent = samples.summary(request=samples.request(notify_users=False))
    assert "not mailed: the request says so" in report.markdown(silent)


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("temporary passwords", 'must use "Forgot password" before they can log in'),
        ("delete", "214 users without a password were deleted"),
        ("keep", "Set the role of owners from kb_owner by hand"),
    ],
)
def test_what_oauth_users_must_do_follows_the_choice(choice: str, said: str) -> None:
    assert said in report.markdown(samples.summary(plan=samples.plan(oauth=choice)))


def test_users_are_not_sent_to_reset_passwords_when_012_was_never_applied() -> None:
    page = report.markdown(samples.summary(plan=samples.plan(migrations={"010": "applied", "012": "absent"})))
    assert "012 was not applied: no user was touched." in page
    assert "Forgot password" not in page


def test_a_backup_of_a_run_that_was_not_committed_is_not_offered_for_a_restore() -> None:
    page = report.markdown(samples.failed())
    assert samples.backup().path in page
    assert "pg_restore" not in page


def test_the_post_mortem_is_filled_in_as_far_as_the_facts_go() -> None:
    page = report.post_mortem(samples.summary())
    for fact in (
        "Nobody can log in since the release.",
        "reported by Ann Archer",
        "by 2026-11-23 22:30:43 UTC",
        "back up",
    ):
        assert fact in page
    for title in ("Root cause", "Actions", "New deployment date"):
        assert re.search(rf"## {title}\n\n.*\(to fill in\)|## {title}\n\n\|.*\n\|.*\n\| \(to fill in\)", page)


@pytest.mark.parametrize(
    ("minutes", "meeting"),
    [
        (0, "20261123T160000Z"),
        (60 * 5, "20261123T160000Z"),
        (60 * 12, "20261124T090000Z"),
        (60 * 17, "20261124T140000Z"),
    ],
)
def test_the_meeting_falls_inside_24_hours_and_the_day(minutes: float, meeting: str) -> None:
    run = samples.summary(steps=[samples.step("verify", minutes * 60 - 30 * 60, 0)])
    text = followups.invitation(run)
    begin = followups.meeting(run)
    assert 0 < (begin - run.ended).total_seconds() <= 23 * 3600
    assert all(line and len(line) <= 75 for line in text.removesuffix("\r\n").split("\r\n"))
    assert f"DTSTART:{meeting}" in text


def test_looking_at_the_plan_once_more_is_no_outage() -> None:
    stop = samples.step("stop services", 0, 3, offline_since=samples.at(30, 2).isoformat())
    start = samples.step("open and start", 5, 5)
    assert outage(samples.summary(steps=[stop, start])) == (samples.at(30, 2), samples.at(30, 10))


def test_rows_stand_as_postgresql_counted_them_with_what_fired() -> None:
    counted = {"users": {"updated": 5}, "crm.audit_log": {"inserted": 12345}}
    fired = Firing("trigger", "audit", "users", ("UPDATE",), "audit", {"crm.audit_log": ["INSERT"]}, readable=True)
    step = samples.step("verify the schema", 25, 0.5, rows=counted)
    page = report.markdown(samples.summary(steps=[step], plan=samples.plan(fires=(fired,))))
    assert "| crm.audit_log | 12,345 | 0 | 0 |" in page
    assert "Trigger audit on users (UPDATE) by audit(): its text writes: INSERT crm.audit_log." in page
    assert "users 5 updated" in page
