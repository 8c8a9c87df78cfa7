"""``rollback approvers``: what is typed, and what is shown."""

from functools import partial
from pathlib import Path

import pytest

from flows import cli
from runbook import settings
from runbook.approval import approvers

# One of apprise's plugins imports what Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLBACK_APPROVERS_FILE", str(tmp_path / "approvers.toml"))
    monkeypatch.delenv("ROLLBACK_APPROVERS", raising=False)
    monkeypatch.chdir(tmp_path)


def typed(*line: str) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cli, "app", partial(cli.app, list(line)))
        with pytest.raises(SystemExit) as ended:
            cli.main()
    return int(ended.value.code or 0)


def secret() -> str:
    return approvers.read(settings.load())[0].secret.get_secret_value()


def test_add_shows_the_code_once_and_list_never(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("approvers", "add", "--name", "Ada", "--role", "CTO", "--contact", "json://host/token") == 0
    shown = capsys.readouterr().out
    assert secret() in shown.replace(" ", "")
    assert "▀" in shown or "█" in shown
    assert typed("approvers", "list") == 0
    listed = capsys.readouterr().out
    assert "Ada" in listed
    assert "json://…" in listed
    assert secret()[:4] not in listed
    assert "token" not in listed


def test_remove_takes_somebody_off(capsys: pytest.CaptureFixture[str]) -> None:
    typed("approvers", "add", "--name", "Ada", "--role", "Team Lead")
    assert typed("approvers", "remove", "ada") == 0
    assert "may not authorise for production any more" in capsys.readouterr().out
    assert approvers.read(settings.load()) == []
    assert typed("approvers", "remove", "ada") == 1


def test_an_unknown_role_and_a_taken_name_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert typed("approvers", "add", "--name", "Ada", "--role", "Intern") == 2
    assert "Intern" in "".join(capsys.readouterr())
    assert typed("approvers", "add", "--name", "Ada", "--role", "CTO") == 0
    assert typed("approvers", "add", "--name", "ADA", "--role", "CTO") == 1
    assert "already" in capsys.readouterr().err


def test_list_names_the_targets_and_what_counts_for_every_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert typed("approvers", "add", "--name", "Ada", "--role", "CTO") == 0
    assert "may authorise for production now" in capsys.readouterr().out
    monkeypatch.setenv("ROLLBACK_TARGET", "staging")
    assert typed("approvers", "add", "--name", "Ada", "--role", "CTO") == 0
    file = tmp_path / "approvers.toml"
    file.write_text(file.read_text() + f'\n[[approver]]\nname = "Old"\nrole = "CTO"\nsecret = "{"B" * 32}"\n')
    capsys.readouterr()
    assert typed("approvers", "list") == 0
    shown = capsys.readouterr().out
    assert [line.split()[-2] for line in shown.splitlines() if line.startswith(" Ada")] == ["production", "staging"]
    assert "Approvers without a target: Old" in shown
    assert "rollback approvers add once for each target" in " ".join(shown.split())
