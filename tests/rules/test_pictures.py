"""The pictures that documents show: each is there, small, said in words, and made by a program."""

import re

import pytest

from tests import make_pictures
from tests.rules.test_docs import PAGES, ROOT, text

SHOWN = sorted({(page, *found) for page in PAGES for found in re.findall(r"!\[(.*?)\]\(([^)]+)\)", text(page))})
PNG = b"\x89PNG\r\n"


@pytest.mark.parametrize(("page", "words", "name"), SHOWN)
def test_each_picture_is_there_small_and_said_in_words(page: str, words: str, name: str) -> None:
    file = (ROOT / page).parent / name
    assert file.stat().st_size <= (make_pictures.LIMIT if file.suffix == ".png" else 2 * make_pictures.LIMIT)
    assert len(words) >= 20, "the alternative text says what is seen"


def test_each_page_of_prefect_is_shown_and_no_picture_is_left_over() -> None:
    made = {f"{name}.png" for name in make_pictures.NAMES}
    assert {file.name for file in make_pictures.FOLDER.glob("*.png")} == made
    assert made <= {name.rpartition("/")[2] for _, _, name in SHOWN}
    for name in made:
        assert (make_pictures.FOLDER / name).read_bytes().startswith(PNG)
