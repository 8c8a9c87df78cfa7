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
    return {
        **usual,
        **measured,
        "longest_lock_on": "messages",
        "rows": 515,
        "scripts": "a" * 64,
        "steps": steps,
        **values,
    }


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


def test_the_picture_goes_from_the_oldest_to_the_newest_inside_its_frame() -> None:
    root = ElementTree.fromstring(trend.drawn([row(day) for day in range(20, 0, -1)]))
    marks = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if one.get("class") == "all"]
    across, down = ([float(str(one.get(name))) for one in marks] for name in ("cx", "cy"))
    assert across == sorted(across) and across[0] >= trend.LEFT and across[-1] <= trend.RIGHT
    assert down == sorted(down, reverse=True) and down[-1] >= trend.TOP and down[0] <= trend.TOP + trend.PANEL
    days = re.findall(r">(\d\d-\d\d)<", trend.drawn([row(day) for day in (3, 2, 1)]))
    assert days == ["11-23", "11-24", "11-25"]


def test_what_takes_seconds_has_a_scale_of_its_own_beside_what_takes_minutes() -> None:
    steps = [["clone production", 600.0, "done"], ["back up", 9.0, "done"], ["012", 0.02, "done"], ["010", 3.0, "done"]]
    picture = trend.drawn([row(2, total=700.0, outage=12.0, steps=steps), row(1, total=650.0, outage=6.0, steps=steps)])
    root = ElementTree.fromstring(picture)
    off = [one for one in root.iter("{http://www.w3.org/2000/svg}circle") if one.get("class") == "off"]
    older, newer = (float(str(one.get("cy"))) for one in off)
    assert older - newer > trend.PANEL / 3
    names = [one.text for one in root.iter("{http://www.w3.org/2000/svg}text") if one.get("class") == "name"]
    assert names == ["whole rehearsal", "users offline", "transaction", "clone production", "back up", "010"]


def test_the_table_sums_tries_of_a_step_and_leaves_out_what_was_not_measured() -> None:
    failed = row(2, "failed", reason="The disk is full.", outage=None, bytes=None, steps=[])
    first, second = trend.table([failed, row(1)])
    assert second["notify"] == "1.5 s" and second["clone production"] == "20.0 s" and second["size"] == "2.00 MB"
    assert second["longest lock"] == "400 ms on messages"
    assert first["users offline"] == "" and first["size"] == "" and first["reason"] == "The disk is full."
    assert list(first) == list(second)


def test_the_page_says_how_the_newest_one_went() -> None:
    page = trend.markdown([row(3)], "staging")
    assert page.startswith("# REHEARSAL-3 on staging was done in 1 min 03 s, users offline for 7.0 s\n")
    found = re.search(r"!\[.+\]\(data:image/svg\+xml;base64,([\w+/=]+)\)", page)
    assert found and base64.b64decode(found[1]).startswith(b"<svg")
    assert trend.markdown([], "staging") == "# No rehearsal of staging is recorded\n"
