"""A quarter of the packs of cases, so that several workers share them: each case ends as it should."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.databases import Templates
from tests.hostile import packs
from tests.hostile.case import Case


@pytest.mark.parametrize(("pack", "version"), packs.chosen(2))
def test_they_end_as_they_should(
    pack: Sequence[Case],
    version: str,
    hostile: Callable[[str], Templates],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = packs.faults(hostile(version), pack, tmp_path, monkeypatch)
    assert not found, "\n".join(found)
