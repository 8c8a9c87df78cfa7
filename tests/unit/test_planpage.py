import re
from typing import Any

import pytest

from runbook.models import Firing, MigrationState, Plan, Script, Session
from runbook.planning.planpage import plan_markdown, time_left
from runbook.planning.sessionpage import stops
from tests import samples

SKIPPED = Script("012", "rollback/012_rollback_oauth.sql", "a" * 64, "skip", "OAuth users are kept")


def text(plan: Plan | None = None, **changes: Any) -> str:
    return plan_markdown(plan or samples.plan(**changes), samples.request(), samples.at(6))


def test_the_verdict_is_the_first_line() -> None:
    assert text().startswith("# Can go ahead: digitaltwin ")
    assert text(blockers=("No room.", "No tag.")).startswith("# Blocked: No room. (and 1 more)\n")
    nothing = text(migrations=dict.fromkeys(("010", "011", "012", "013"), "absent"), blockers=("x",))
    assert nothing.startswith("# Nothing to roll back: digitaltwin is at its baseline\n")
    assert "Neither services nor database are touched" in nothing


def test_it_names_incident_database_release_time_and_hash() -> None:
    plan = samples.plan()
    for fact in (
        "INC-2041: Nobody can log in",
        "digitaltwin on PostgreSQL 16, system identifier 7301234567890123456, 1.85 GB",
        "24 min left, until 2026-11-22 22:30:00 UTC",
        "v1.8.3 (0123456789); running now: v2.0.0",
        f"`{plan.hash[:12]}`",
    ):
        assert fact in text(plan)


@pytest.mark.parametrize(
    ("minute", "said"),
    [(0, "30 min left"), (29.5, "30 s left"), (30, "over since 2026-11-22 22:30"), (99, "over since")],
)
def test_time_left(minute: float, said: str) -> None:
    assert time_left(samples.request(), samples.at(minute), 30).startswith(said)


def test_blockers_come_before_everything_else() -> None:
    page = text(blockers=("No room. Free 2 GB.", "No tag."))
    assert re.findall(r"^## (.*)", page, re.M)[0] == "Blocked because"
    assert "- No room. Free 2 GB.\n- No tag.\n" in page


def test_scripts_stand_in_their_order_with_hashes_and_skipped_ones_with_why() -> None:
    page = text(oauth="keep", scripts=[SKIPPED, *samples.plan().scripts[1:]])
    order = [
        page.index(words) for words in ("012 is skipped: OAuth users are kept", "011 runs (bbbb", "010 runs (cccc")
    ]
    assert order == sorted(order)
    assert "leave OAuth users as they are" in page


def test_each_kind_of_user_is_counted_with_what_becomes_of_it() -> None:
    page = text()
    assert re.search(r"\| password only \| 1,200 \| log in as before", page)
    assert re.search(r"\| OAuth only \| 214 \| stay with all their data; cannot log in until", page)
    assert re.search(r"\| both \| 31 \| log in with their password", page)


def test_the_other_choices_take_one_line_each() -> None:
    page = text()
    assert "- 'delete': 214 users without a password and all that is theirs are deleted." in page
    assert "- 'keep': 012 is skipped" in page
    assert "- 'temporary passwords'" not in page


def test_deleting_shows_the_cascade_table_by_table_and_says_what_is_lost() -> None:
    page = text(oauth="delete")
    assert "214 users without a password and 40,271 rows in 2 tables that are theirs are DELETED" in page
    assert "| messages | 40,211 |" in page
    assert "nothing is deleted" in text()
    assert "40,211" not in text()


def test_rows_that_leave_or_get_a_placeholder() -> None:
    page = text(gemini="remove")
    assert "| users.oauth_id | 245 | leaves its table" in page
    assert "| digital_twins.profession | 9 | gets a placeholder" in page
    assert "rows with llm_provider gemini move to openai" in page
    assert "kept" in text(removed={}, placeholders={}).split("gemini (013)")[1].splitlines()[0]


def test_hazards_are_said_in_plain_words() -> None:
    assert "until they log in again" in text()
    assert "until their role is set by hand" in text(oauth="keep")
    without = text(migrations={"010": "applied", "012": "absent"}, warnings=())
    assert "log in again" not in without
    assert "012 is not applied: no user is touched." in without
    assert "no OAuth users to settle" in without


def test_sessions_are_grouped_and_those_that_keep_writing_come_first() -> None:
    lines = [line for line in text().splitlines() if "digitaltwin_user" in line]
    assert re.match(
        r"\| realtime-service \| digitaltwin_user \| 10.0.0.7 \| 1 \| not stopped .*KEEPS WRITING", lines[0]
    )
    assert re.match(
        r"\| backend \| digitaltwin_user \| 10.0.0.5 \| 2 \(1 at work\) \| stops with its service", lines[1]
    )
    assert "The procedure does not stop realtime-service" in text()
    assert "The procedure does not stop" not in text(services=("backend", "frontend", "realtime-service"))
    assert "Nobody but the runbook" in text(sessions=())


def session(application: str = "x", address: str = "10.0.0.9", kind: str = "client backend") -> Session:
    return Session(1, application, "u", address, "idle", 0.0, kind)


def test_sessions_are_named_with_their_addresses() -> None:
    page = text(sessions=[session("psql", f"10.0.0.{n}") for n in (1, 1, 2, 3, 4, 5, 6)])
    assert "| psql | u | 10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4 and 2 more | 7 |" in page


def test_who_is_no_client_is_said_to_be_cut_off() -> None:
    page = text(
        sessions=[session("pg_recvlogical", kind="walsender"), session("sub", kind="logical replication worker")]
    )
    assert "| pg_recvlogical | u | 10.0.0.9 | 1 | reads a replication slot: cut off" in page
    assert "| sub | u | 10.0.0.9 | 1 | logical replication worker: ended, and kept out" in page


def test_poolers_are_pointed_out_by_name_and_by_their_crowd() -> None:
    assert "Likely a pooler, or a pool inside the application: PgBouncer by its name. The fence" in text(
        sessions=[session("PgBouncer")]
    )
    crowd = [session(f"service {n}") for n in range(10)]
    assert "application: 10 sessions from 10.0.0.9. The fence" in text(sessions=crowd)
    assert "application: PgBouncer by its name; 10 sessions from" in text(sessions=[*crowd, session("PgBouncer")])
    assert "pooler" not in text(sessions=[*crowd[:9], session("x", "10.0.0.10")])
    assert "pooler" not in text(sessions=[session("x", "hidden") for _ in range(20)])


@pytest.mark.parametrize(
    ("application", "expected"),
    [("backend", True), ("Backend", True), ("email-backend", False), ("", False), ("psql", False)],
)
def test_only_the_very_name_of_a_service_counts_as_stopped(application: str, expected: bool) -> None:
    assert stops(Session(1, application, "u", "a", "idle", 0.0), ("backend", "frontend")) is expected


def test_nothing_managed_here_is_said() -> None:
    page = text(release=None, services=())
    assert "deploy the previous release by hand" in page
    assert "No services are stopped: none are managed here." in page


def test_what_people_and_programs_call_themselves_is_no_markup() -> None:
    evil = Session(1, "x | <img src=a> [a](b)", "u", "a", "idle", 0.0)
    assert r"x \| \<img src=a\> \[a\](b)" in text(sessions=[evil])


def test_what_is_kept_by_choice_is_nothing_to_roll_back() -> None:
    settled: dict[str, MigrationState] = {"010": "absent", "011": "absent", "012": "applied", "013": "applied"}
    assert not samples.plan(migrations=settled, oauth="keep", gemini="keep").needed
    assert samples.plan(migrations=settled, oauth="delete", gemini="keep").needed
    assert samples.plan(migrations=settled, oauth="keep", gemini="remove").needed
    assert samples.plan(migrations={**settled, "012": "partial"}, oauth="keep", gemini="keep").needed


def test_what_fires_is_named_with_what_it_writes() -> None:
    known = Firing("trigger", "audit", "users", ("UPDATE",), "audit", {"audit_log": ["INSERT"]}, readable=True)
    blind = Firing("event trigger", "team_log", "", (), "crm.log", {}, readable=False)
    page = text(fires=(known, blind))
    assert "## What the team's own triggers and rules do" in page
    assert "Trigger audit on users (UPDATE) by audit(): its text writes: INSERT audit_log." in page
    assert "Event trigger team_log by crm.log(): its text names no table that it writes; it can write more than" in page
    assert "triggers and rules" not in text()
