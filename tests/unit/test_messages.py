from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from runbook.errors import SettingsInvalid
from runbook.settings import Settings
from runbook.telling import messages
from tests import samples

FACTS = messages.Facts(
    incident="INC-2041",
    state="The database is at its baseline.",
    next="Hold the post-mortem.",
    reason="Nobody can log in <since 12:00>.",
    oauth="temporary passwords",
)
EVENTS = get_args(messages.Event)


def settings(folder: Path | None = None) -> Settings:
    return Settings(target="staging", run_url="https://prefect.example/", template_dir=folder, _env_file=None)


@pytest.mark.parametrize("event", EVENTS)
def test_the_team_reads_incident_target_state_next_and_link(event: messages.Event) -> None:
    message = messages.team(settings(), event, replace(FACTS, run_id="4f2c"))
    assert "INC-2041" in message.title
    assert "staging" in message.title
    assert FACTS.state in message.body
    assert FACTS.next in message.body
    assert "https://prefect.example/runs/flow-run/4f2c" in message.body


@pytest.mark.parametrize("event", EVENTS)
def test_no_line_stands_empty_when_a_fact_is_missing(event: messages.Event) -> None:
    body = messages.team(Settings(_env_file=None), event, messages.Facts("INC-1", "s", "n", reason="r")).body
    assert all(line.partition(": ")[2] for line in body.splitlines())
    assert "Run:" not in body


def test_plain_text_is_not_escaped_and_nothing_in_it_is_markup_of_a_chat() -> None:
    assert (
        "(5 < 6 & *sure*)" in messages.team(settings(), "team_started", replace(FACTS, reason="(5 < 6 & *sure*)")).body
    )
    said = "<!channel> <https://evil.example|here> @everyone [x](https://evil.example) ![x](y) <img src=x>"
    body = messages.team(settings(), "team_started", replace(FACTS, reason=said)).body
    assert (
        "< !channel> < https://evil.example|here> @ everyone [x] (https://evil.example) ![x] (y) < img src=x>" in body
    )


def test_users_learn_what_they_must_do() -> None:
    message = messages.users(settings(), FACTS)
    assert "\n" not in message.title
    assert "Log in again" in message.body
    assert '"Forgot password"' in message.body
    assert "cannot be logged in" in message.body
    assert "cannot be logged in" not in messages.users(settings(), replace(FACTS, oauth="keep")).body


def test_the_built_in_templates_pass_the_check() -> None:
    messages.check(settings())
    assert {p.name for p in (Path(messages.__file__).parent / "templates").iterdir()} == set(messages.NAMES)


def test_a_file_of_the_operator_replaces_only_its_namesake(tmp_path: Path) -> None:
    (tmp_path / "team_done.txt.j2").write_text("Fertig: {{ incident }}\n\n{{ state }}\n", encoding="utf-8")
    messages.check(settings(tmp_path))
    assert messages.team(settings(tmp_path), "team_done", FACTS).title == "Fertig: INC-2041"
    assert messages.team(settings(tmp_path), "team_failed", FACTS) == messages.team(settings(), "team_failed", FACTS)


@pytest.mark.parametrize(
    "text",
    [
        "ok\n{{ incidnt }}",
        "ok\n{% if incident %}",
        "ok\n{{ incident / 2 }}",
        "ok\n{{ incident | nosuchfilter }}",
        "ok\n{{ 1 // 0 }}",
        "ok\n{% include 'absent.j2' %}",
    ],
)
def test_a_broken_template_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "team_failed.txt.j2").write_text(text, encoding="utf-8")
    with pytest.raises(SettingsInvalid) as caught:
        messages.check(settings(tmp_path))
    assert f"{tmp_path}/team_failed.txt.j2, line 2" in caught.value.problem


def test_what_breaks_only_without_a_fact_is_found_too(tmp_path: Path) -> None:
    (tmp_path / "users.txt.j2").write_text("{% if not outage %}{{ nothing }}{% endif %}x", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=r"users\.txt\.j2, line 1.*'nothing' is undefined"):
        messages.check(settings(tmp_path))


@pytest.mark.parametrize("content", [b"  \n", b"\xff\xfe"])
def test_an_empty_or_unreadable_template_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "users.subject.j2").write_bytes(content)
    with pytest.raises(SettingsInvalid, match=r"users\.subject\.j2"):
        messages.check(settings(tmp_path))


def test_a_misspelt_name_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "team_don.txt.j2").write_text("x", encoding="utf-8")
    (tmp_path / "footer.j2").write_text("for include", encoding="utf-8")
    with pytest.raises(SettingsInvalid, match=r"team_don\.txt\.j2 replaces no message"):
        messages.check(settings(tmp_path))
    with pytest.raises(SettingsInvalid, match="not a folder"):
        messages.check(settings(tmp_path / "absent"))


def test_a_run_that_ended_fills_its_message() -> None:
    facts = messages.facts(samples.failed(), report="/srv/report.md")
    body = messages.team(settings(), "team_failed", facts).body
    for fact in ("012 was refused", "digitaltwin", "users were offline for 35.1 s", "/srv/report.md"):
        assert fact in body
