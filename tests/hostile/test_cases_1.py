"""A quarter of the packs of cases, so that several workers share them: each case ends as it should."""

import pytest

from tests.hostile import packs
from tests.hostile.packs import Pack, Try


@pytest.mark.parametrize(("pack", "version"), packs.chosen(1))
def test_they_end_as_they_should(pack: Pack, version: str, tried: Try) -> None:
    assert tried(pack, version) == []
