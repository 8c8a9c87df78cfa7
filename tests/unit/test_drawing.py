import re
from xml.etree import ElementTree

import pytest

from runbook.telling import drawing, report
from runbook.telling.summary import Summary
from tests import samples

SVG = "{http://www.w3.org/2000/svg}"


def texts(summary: Summary) -> list[str]:
    return [str(one.text) for one in ElementTree.fromstring(drawing.drawn(summary)).iter(f"{SVG}text")]


def places(summary: Summary, kind: str) -> list[tuple[float, float]]:
    """Return from where to where the shapes of a kind reach."""
    root = ElementTree.fromstring(drawing.drawn(summary))
    found = [one for one in root.iter() if one.get("class") == kind]
    return [
        (
            float(one.get("x") or one.get("x1") or 0),
            float(one.get("x") or one.get("x2") or 0) + float(one.get("width", 0)),
        )
        for one in found
    ]


def test_every_step_from_the_outage_on_has_its_bar_inside_the_picture() -> None:
    done = samples.summary()
    bars = places(done, "done")
    assert len(bars) == len(done.steps) - 2  # assess and authorise came before
    assert all(drawing.LEFT <= left < right <= drawing.RIGHT + drawing.NARROW for left, right in bars)
    assert bars == sorted(bars)
    assert {"stop services", "23.1 s", "open and start"} <= set(texts(done))
    assert "assess 1.5 s, authorise 24 min 00 s" in texts(done)[-1]


def test_the_outage_is_shaded_and_the_commit_marked_inside_it() -> None:
    done = samples.summary()
    [(start, end)] = places(done, "band")
    [(commit, _)] = places(done, "mark")
    assert start == drawing.LEFT and end < drawing.RIGHT
    assert start < commit < end
    assert "users were offline for 42.0 s" in texts(done)[0]


def test_a_run_that_did_not_commit_has_no_point_of_no_return() -> None:
    failed = samples.failed()
    assert places(failed, "mark") == []
    assert len(places(failed, "failed")) == 1
    assert "500 ms, FAILED" in texts(failed)


def test_what_follows_the_run_does_not_squeeze_it() -> None:
    later = samples.step("portable dump", 43.1, 3600)
    done = samples.summary(steps=[*samples.steps(), later])
    assert places(done, "done") == places(samples.summary(), "done")
    assert "portable dump 1 h 00 min" in texts(done)[-1]


@pytest.mark.parametrize("steps", [[], [samples.step("stop services", 0, 0, "skipped")]])
def test_nothing_is_drawn_of_nothing(steps: list[object]) -> None:
    assert drawing.drawn(samples.summary(steps=steps)) == ""


def test_a_step_of_no_time_can_be_drawn() -> None:
    assert ElementTree.fromstring(drawing.drawn(samples.summary(steps=[samples.step("assess", 0, 0.0001)]))) is not None


def test_it_has_colours_for_light_and_dark_and_fetches_nothing() -> None:
    svg = drawing.drawn(samples.summary(request=samples.request(incident="INC-1")))
    assert "prefers-color-scheme: dark" in svg
    assert re.findall(r"(?:href|src|url\()", svg) == []


def test_the_report_has_it_inside_or_beside_it() -> None:
    done = samples.summary(
        page="http://ui.example/runs/flow-run/1", report_page="http://ui.example/artifacts/artifact/2"
    )
    beside, inside = report.markdown(done), report.markdown(done, whole=True)
    assert "](report-INC-2041-20261122-223043.svg)\n\n```text\nusers offline" in beside
    assert "](data:image/svg+xml;base64," in inside and "```text\nusers offline" not in inside
    assert "[The run's page](<http://ui.example/runs/flow-run/1>)" in beside
    assert "artifacts/artifact/2>)" in beside and "artifacts/artifact/2" not in inside
