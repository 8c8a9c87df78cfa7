"""docs/obstacles.md is in step with the catalogue that it was made from."""

from tests import make_obstacles
from tests.hostile.catalogue import CASES, TOPICS

PAGE = make_obstacles.FILE.read_text(encoding="utf-8")


def lines() -> dict[str, list[str]]:
    """Return the page's lines by their first two cells."""
    rows = [line.replace("\\|", "\0").split("|")[1:-1] for line in PAGE.splitlines() if line.startswith("| ")]
    return {f"{row[0]}|{row[1]}": row for row in ([cell.strip().replace("\0", "\\|") for cell in row] for row in rows)}


def test_each_case_stands_on_the_page_and_nothing_else() -> None:
    wanted = {"|".join(make_obstacles.beginning(case)) for case in CASES}
    found = {key for key, row in lines().items() if row[0] not in ("what is there", "---")}
    assert found == wanted, "make obstacles writes it anew"


def test_each_outcome_is_the_one_expected() -> None:
    found = lines()
    for case in CASES:
        outcome = found["|".join(make_obstacles.beginning(case))][3].partition(";")[0]
        assert outcome == case.expect, case.name


def test_names_are_used_once_and_are_many() -> None:
    names = [case.name for case in CASES]
    assert len(names) == len(set(names))
    assert len(TOPICS) > 10
    assert len(names) >= 90
