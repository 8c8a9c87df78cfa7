"""The program that makes the documents' pictures plays the whole story and leaves each of them."""

from pathlib import Path

import pytest

from tests import make_pictures
from tests.acceptance import browser
from tests.acceptance.engine import unavailable

pytestmark = [pytest.mark.system, pytest.mark.timeout(900)]
EMPTY = 20_000
"""Bytes that a picture of a page has at least; a white one has fewer."""


def test_the_pictures_are_made(tmp_path: Path) -> None:
    if not browser.CHROMIUM.exists():
        unavailable(browser.MISSING)
    make_pictures.main(tmp_path)
    made = {file.stem: file.stat().st_size for file in tmp_path.iterdir()}
    assert set(made) == set(make_pictures.NAMES)
    assert all(EMPTY < size <= make_pictures.LIMIT for size in made.values()), made
