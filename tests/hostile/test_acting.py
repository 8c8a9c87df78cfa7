"""Each trigger, rule, view, function and type that a team adds, alone on a database."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.databases import Templates
from tests.hostile import alone
from tests.hostile.case import Case


@pytest.mark.parametrize(
    ("case", "version"), alone.chosen("Triggers, rules, event triggers", "Views and functions", "Types")
)
def test_it_ends_as_it_should(
    case: Case, version: str, hostile: Callable[[str], Templates], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert alone.faults(hostile(version), case, tmp_path, monkeypatch) == []
