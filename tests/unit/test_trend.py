"""The trend of rehearsals: a picture that fetches nothing, and a table with a column for each step."""

import base64
import re
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

from runbook.rehearsing import trend

BEGAN = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)


def row(day: int, outcome: str = "done", **values: Any) -> dict[str, Any]:
    usual = {"label": f"REHEARSAL-{day}", "began": BEGAN + timedelta(days=day), "outcome": outcome, "reason": ""}
    measured = {"total": 60.0 + day, "outage": 7.0, "transaction": 0.5, "longest_lock": 0.4, "bytes": 2_000_000}
    steps = [["clone production", 20.0, "done"], ["notify", 1.0, "failed"], ["notify", 0.5, "done"]]
    return {**usual, **measured, "rows": 515, "scripts": "a" * 64, "steps": steps, **values}


def test_the_picture_is_drawn_for_one_for_many_and_where_something_is_missing() -> None:
    many = [row(day) for day in range(20, 0, -1)]
    failed = row(21, "failed", outage=None, transaction=None, longest_lock=None, bytes=None, rows=None, steps=[])
    running = row(22, "running", total=None, outage=None)
    for rows in ([row(1)], many, [running, failed, *many], [running]):
        picture = trend.drawn(rows)
        root = ElementTree.fromstring(picture)
        circles = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if one.get("class") == "all"]
        assert len(circles) == sum(one["total"] is not None for one in rows)
        assert "prefers-color-scheme: dark" in picture and "href" not in picture and "url(" not in picture
        assert picture.count(">failed<") == sum(one["outcome"] == "failed" for one in rows)


def test_the_table_sums_tries_of_a_step_and_leaves_out_what_was_not_measured() -> None:
    failed = row(2, "failed", reason="The disk is full.", outage=None, bytes=None, steps=[])
    first, second = trend.table([failed, row(1)])
    assert second["notify"] == "1.5 s" and second["clone production"] == "20.0 s" and second["size"] == "2.00 MB"
    assert first["users offline"] == "" and first["size"] == "" and first["reason"] == "The disk is full."
    assert list(first) == list(second)


def test_the_page_says_how_the_newest_one_went() -> None:
    page = trend.markdown([row(3)], "staging")
    assert page.startswith("# REHEARSAL-3 on staging was done in 1 min 03 s, users offline for 7.0 s\n")
    found = re.search(r"!\[.+\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", page)
    assert found and base64.b64decode(found[1]).startswith(b"<svg")
    assert trend.markdown([], "staging") == "# No rehearsal of staging is recorded\n"
