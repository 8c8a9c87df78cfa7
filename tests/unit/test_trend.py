"""The trend of rehearsals: its table, and its picture, which a browser reads without fetching anything."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from runbook.rehearsing import trend

BEGAN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
SVG = "{http://www.w3.org/2000/svg}"


def row(number: int, outcome: str = "done", **changes: Any) -> dict[str, Any]:
    """Return the row of a rehearsal, ``number`` days after the first."""
    made = {
        "label": f"REHEARSAL-{number}",
        "began": BEGAN + timedelta(days=number),
        "outcome": outcome,
        "reason": "",
        "total": 60.0 + number,
        "outage": 6.0 + number,
        "transaction": 0.4,
        "longest_lock": 0.084,
        "longest_lock_on": "users",
        "bytes": 1_850_000_000,
        "rows": 300_123,
        "scripts": "ab" * 32,
        "steps": [["clone production", 30.0, "done"], ["012", 0.02, "done"]],
    }
    return {**made, **changes}


KILLED = row(2, "killed", outage=None, transaction=None, longest_lock=None, longest_lock_on=None, bytes=None, rows=None)


def elements(rows: list[dict[str, Any]], name: str) -> list[ET.Element]:
    return list(ET.fromstring(trend.drawn(rows)).iter(f"{SVG}{name}"))


def test_the_table_has_a_column_for_each_step_that_any_of_them_had() -> None:
    failed = row(3, "failed", reason="The clone is not masked.", steps=[["mask contacts", 1.5, "failed"]])
    newest, second, oldest = trend.table([failed, KILLED, row(1)])
    assert newest["outcome"] == "failed" and newest["reason"] == "The clone is not masked."
    assert (newest["mask contacts"], newest["012"], oldest["012"], oldest["mask contacts"]) == (
        "1.5 s",
        "",
        "20 ms",
        "",
    )
    assert (oldest["users offline"], oldest["longest lock"], oldest["size"]) == ("7.0 s", "84 ms on users", "1.85 GB")
    assert (second["users offline"], second["longest lock"], second["size"], second["rows"]) == ("", "", "", "")


def test_a_step_that_came_twice_is_summed() -> None:
    [one] = trend.table([row(1, steps=[["clean up", 1.0, "done"], ["clean up", 2.0, "done"]])])
    assert one["clean up"] == "3.0 s"


def test_the_picture_goes_from_the_oldest_to_the_newest_and_marks_what_failed() -> None:
    rows = [row(3), KILLED, row(1)]
    places = [mark for mark in elements(rows, "circle") if mark.get("class") == "all"]
    across = [float(str(mark.get("cx"))) for mark in places]
    assert across == sorted(across) and len(across) == 3
    assert float(str(places[0].get("cy"))) > float(str(places[-1].get("cy")))  # the newest took longest
    assert len([mark for mark in elements(rows, "circle") if mark.get("class") == "off"]) == 2
    words = [text.text for text in elements(rows, "text")]
    assert "killed" in words and words.index("11-02") < words.index("11-04")


@pytest.mark.parametrize("number", [1, 2, 20])
def test_the_picture_stays_inside_its_frame(number: int) -> None:
    rows = [row(n) for n in reversed(range(number))]
    for mark in elements(rows, "circle"):
        assert trend.LEFT <= float(str(mark.get("cx"))) <= trend.RIGHT
        assert trend.TOP <= float(str(mark.get("cy"))) <= trend.BOTTOM


def test_the_picture_is_drawn_where_nothing_was_measured() -> None:
    assert elements([row(1, "running", total=None, outage=None)], "circle") == []


def test_the_page_carries_the_picture_and_says_how_the_newest_went() -> None:
    page = trend.markdown([row(2, "failed"), row(1)], "staging")
    assert page.startswith("# REHEARSAL-2 on staging FAILED")
    found = re.search(r"!\[[^\]]+\]\(data:image/svg\+xml;base64,([^)]+)\)", page)
    assert found
    drawn = base64.b64decode(found[1]).decode()
    assert "prefers-color-scheme: dark" in drawn
    assert not re.search(r"(href|src|url\()", drawn)
    assert trend.markdown([], "staging") == "# No rehearsal of staging is recorded\n"
