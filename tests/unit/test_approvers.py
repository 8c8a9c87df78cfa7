"""Approvers: kept where nobody else can read them, refused with the reason where they are not."""

import stat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pydantic import SecretStr

from runbook.approval import approverfile, approvers, onetime
from runbook.errors import SettingsInvalid
from runbook.settings import Settings

# One of apprise's plugins imports what Python 3.13 no longer has.
pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
ADA = f'[[approver]]\nname = "Ada"\nrole = "CTO"\nsecret = "{SECRET}"\n'


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(approvers_file=folder / "approvers.toml", _env_file=None, **more)


def kept(folder: Path, text: str, mode: int = 0o600) -> Settings:
    file = folder / "approvers.toml"
    file.write_text(text)
    file.chmod(mode)
    return settings(folder)


def test_nobody_is_configured(tmp_path: Path) -> None:
    assert approvers.read(settings(tmp_path)) == []
    with pytest.raises(SettingsInvalid, match="rollback approvers add"):
        approvers.check(settings(tmp_path))


def test_added_approvers_are_read_back(tmp_path: Path) -> None:
    loaded = settings(tmp_path / "new" / "folder")
    ada = approverfile.add(loaded, 'Ada "the first" Ångström \\', "CTO", "mailto:ada@example.org")
    bob = approverfile.add(loaded, "  Bob   Lead ", "Team Lead")
    assert approvers.read(loaded) == [ada, bob]
    assert bob.name == "Bob Lead"
    assert stat.S_IMODE((tmp_path / "new" / "folder" / "approvers.toml").stat().st_mode) == 0o600
    assert approverfile.remove(loaded, "bob lead") == bob
    assert approvers.read(loaded) == [ada]


def test_a_secret_of_the_environment_takes_the_place_of_the_file(tmp_path: Path) -> None:
    both = settings(tmp_path, approvers=SecretStr(ADA))
    assert [one.name for one in approvers.read(both)] == ["Ada"]
    assert SECRET not in repr(both) + repr(approvers.read(both))
    with pytest.raises(SettingsInvalid, match="ROLLBACK_APPROVERS is set"):
        approverfile.add(both, "Bob", "CTO")


@pytest.mark.attack(
    "files", "reads or changes the approvers' file, which others may use", "a file that is not of mode 0600 is refused"
)
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o666])
def test_a_file_that_others_may_use_is_refused_with_the_chmod(mode: int, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match=f"mode {mode:04o}") as caught:
        approvers.read(kept(tmp_path, ADA, mode))
    assert f"chmod 600 '{tmp_path / 'approvers.toml'}'" in str(caught.value)


@pytest.mark.attack("files", "puts an approvers' file of their own in its place", "a file of another user is refused")
def test_a_file_of_another_user_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = kept(tmp_path, ADA)
    owner = (tmp_path / "approvers.toml").stat().st_uid
    monkeypatch.setattr("os.getuid", lambda: owner + 1)
    with pytest.raises(SettingsInvalid, match="another user"):
        approvers.read(loaded)


@pytest.mark.attack(
    "files",
    "lays the approvers' file into the application's tree, where git brings it",
    "a file below the tree is refused",
)
def test_a_file_in_the_applications_tree_is_refused(tmp_path: Path) -> None:
    kept(tmp_path, ADA)
    with pytest.raises(SettingsInvalid, match="lies in the application's tree"):
        approvers.read(settings(tmp_path, project_dir=tmp_path))


def test_a_folder_or_a_broken_link_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "approvers.toml").symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        approvers.read(settings(tmp_path))
    (tmp_path / "approvers.toml").unlink()
    (tmp_path / "approvers.toml").mkdir()
    with pytest.raises(SettingsInvalid, match="cannot be read"):
        approvers.read(settings(tmp_path))


WRONG = {
    "not TOML": "[[approver]\nname",
    "tables only": 'approver = "Ada"',
    "role Input should be 'Team Lead', 'CTO' or 'On-call Engineer'": ADA.replace("CTO", "Intern"),
    "secret Value error, is not base 32": ADA.replace(SECRET, "!secret!secret!secret!secret!"),
    "holds 80 bits": ADA.replace(SECRET, SECRET[:16]),
    "secret Field required": '[[approver]]\nname = "Ada"\nrole = "CTO"\n',
    "contact Value error": ADA + 'contact = "nowhere"\n',
    "the name ada stands there twice": ADA + ADA.replace('"Ada"', '"ADA"'),
    "the name ada stands there twice for test": (ADA + 'target = "test"\n') * 2,
    "the name ada stands there for test, and without": ADA + ADA + 'target = "test"\n',
    "the same secret": ADA + ADA.replace('"Ada"', '"Bob"'),
}


@pytest.mark.parametrize("said", WRONG)
def test_what_is_wrong_is_said_without_any_secret(said: str, tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        approvers.read(kept(tmp_path, WRONG[said]))
    assert said in str(caught.value)
    assert SECRET[:16] not in str(caught.value)
    assert "!secret!" not in str(caught.value)


def test_a_name_is_taken_once_however_it_is_typed(tmp_path: Path) -> None:
    loaded = settings(tmp_path)
    approverfile.add(loaded, "Ada Lovelace", "CTO")
    with pytest.raises(SettingsInvalid, match="already"):
        approverfile.add(loaded, "ada  LOVELACE", "Team Lead")
    with pytest.raises(SettingsInvalid, match="no approver called Grace"):
        approverfile.remove(loaded, "Grace")


def test_an_entry_counts_for_its_target_only(tmp_path: Path) -> None:
    production, staging = settings(tmp_path, target="production"), settings(tmp_path, target=" Staging ")
    here = approverfile.add(production, "Ada", "CTO")
    there = approverfile.add(staging, "ada", "Team Lead")
    assert (here.target, there.target) == ("production", "Staging")
    assert approvers.read(production) == [here]
    assert approvers.read(settings(tmp_path, target="STAGING")) == [there]
    assert approvers.everybody(staging) == [here, there]
    assert here.fingerprint != there.fingerprint
    with pytest.raises(SettingsInvalid, match="called ADA for production already"):
        approverfile.add(production, "ADA", "CTO")
    with pytest.raises(SettingsInvalid, match="No approver is configured for other"):
        approvers.check(settings(tmp_path, target="other"))
    approverfile.remove(production, "ada")
    assert approvers.everybody(production) == [there]
    with pytest.raises(SettingsInvalid, match="no approver called ada for production"):
        approverfile.remove(production, "ada")


def test_an_entry_of_an_earlier_version_counts_everywhere_and_says_how_that_ends(tmp_path: Path) -> None:
    old = kept(tmp_path, ADA)
    for target in ("production", "staging"):
        assert [one.name for one in approvers.read(settings(tmp_path, target=target))] == ["Ada"]
    assert approvers.ANEW in approvers.warnings(old)[0]
    with pytest.raises(SettingsInvalid, match="called Ada for every target already"):
        approverfile.add(old, "Ada", "CTO")
    approverfile.remove(old, "Ada")
    one = approverfile.add(old, "Ada", "CTO")
    assert one.target == "production"
    assert approvers.warnings(old) == []


def test_an_approver_is_one_of_a_target(tmp_path: Path) -> None:
    with pytest.raises(SettingsInvalid, match="ROLLBACK_TARGET is empty"):
        approverfile.add(settings(tmp_path, target=" "), "Ada", "CTO")


def test_an_app_shows_for_which_target_a_key_is(tmp_path: Path) -> None:
    one = approverfile.add(settings(tmp_path), "Ada Lovelace", "CTO")
    shown = unquote(onetime.uri(one.secret.get_secret_value(), one.label))
    assert "DigitalTwin rollback:Ada Lovelace \N{EN DASH} production?" in shown


def test_two_needed_and_one_configured(tmp_path: Path) -> None:
    kept(tmp_path, ADA)
    with pytest.raises(SettingsInvalid, match="2 persons must approve"):
        approvers.check(settings(tmp_path, approvals_needed=2))


def test_codes_are_those_of_rfc_6238() -> None:
    secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"  # the RFC's own; its tables have eight digits, of which these end
    seen = [onetime.code(secret, seconds // 30) for seconds in (59, 1111111109, 2000000000)]
    assert seen == ["287082", "081804", "279037"]


@pytest.mark.parametrize(("typed", "digits"), [("123456", "123456"), (" 123 456 ", "123456"), ("١٢٣٤٥٦", "123456")])
def test_a_code_is_typed_in_any_digits(typed: str, digits: str) -> None:
    assert onetime.digits(typed) == digits
