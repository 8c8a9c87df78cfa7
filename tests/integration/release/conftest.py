"""Fixtures: a git tree with two releases, beside a compose program that stands in for the real one."""

from pathlib import Path

import pytest

from runbook.settings import Settings
from tests import releases
from tests.releases import Git


@pytest.fixture
def log_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file in which the compose program writes down how it is called."""
    return releases.log(tmp_path, monkeypatch)


@pytest.fixture
def settings(tmp_path: Path, log_file: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings that lead to the tree."""
    return releases.settings(tmp_path, monkeypatch)


@pytest.fixture
def run(settings: Settings) -> Git:
    """A way to run git in the tree, which holds v1 and v2."""
    return releases.tree(settings)
