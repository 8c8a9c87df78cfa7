import re
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import figures, picture, scale, study, table, watch
from benchmarks.figures import Figures, Spread
from benchmarks.filling import Size
from benchmarks.measuring import Measurement
from benchmarks.scale import Scale
from benchmarks.study import Clock, Study


def measurement(side: str, gigabytes: float, repetition: int, outage: float) -> Measurement:
    parts = {"back up": outage / 2, "transaction": outage / 10}
    return Measurement(
        gigabytes, int(gigabytes * 1e5), int(gigabytes * 1e9), side, repetition, 1, outage, outage + 5, parts
    )


@pytest.fixture
def measured() -> Study:
    by_side = {"hand": (20.0, 40.0), "clone": (2.0, 2.5), "copy": (4.0, 8.0), "bare-clone": (1.0, 1.0)}
    found = [
        measurement(side, size, repetition, outage * repetition)
        for side, outages in by_side.items()
        for size, outage in zip((0.1, 2.0), outages, strict=True)
        for repetition in (1, 2, 3)
    ]
    return Study("2026-01-01", {"processor": "One, 2 cores"}, found)


def test_the_outage_is_between_good_answers() -> None:
    answers = [(0.0, True), (1.0, True), (2.0, False), (3.0, True), (4.0, False), (5.5, True), (6.0, True)]
    assert watch.outage(answers) == 4.5
    assert watch.outage([(0.0, True), (1.0, True)]) == 0


def test_no_outage_is_told_before_it_ended() -> None:
    with pytest.raises(ValueError, match="did not work at the end"):
        watch.outage([(0.0, True), (1.0, False)])


def test_ratios_are_taken_within_a_round(measured: Study) -> None:
    found = Figures(measured.measurements)
    assert found.spread("hand", 2.0, figures.outage) == Spread(80, 40, 120)
    assert found.ratio("hand", "clone", 2.0, figures.outage) == Spread(16, 16, 16)
    assert found.more("clone", "bare-clone", 0.1, figures.outage) == Spread(2, 1, 3)
    assert found.part("copy", 2.0, "back up") == 8
    assert found.part("copy", 2.0, "011") is None
    assert found.ratio("hand", "bare-copy", 2.0, figures.outage) is None


def test_growth_is_from_the_smallest_to_the_largest_of_a_round(measured: Study) -> None:
    found = Figures(measured.measurements)
    assert found.growth("hand", figures.outage) == (Spread(40, 20, 60), Spread(2, 2, 2))
    assert found.growth("bare-copy", figures.outage) is None


def test_a_round_that_is_missing_is_no_ratio(measured: Study) -> None:
    found = Figures([one for one in measured.measurements if (one.side, one.repetition) != ("hand", 2)])
    assert found.spread("clone", 2.0, figures.outage) == Spread(5, 2.5, 7.5)
    assert found.ratio("hand", "clone", 2.0, figures.outage) == Spread(16, 16, 16)


def test_the_table_has_a_row_for_each_size(measured: Study) -> None:
    page = table.written(measured)
    assert "| 2 GB | 80.0 s (40.0 to 120.0) | 5.0 s (2.5 to 7.5) | 16.0 (16.0 to 16.0) |" in page
    assert "| 200,000 | 0.50 s (0.25 to 0.75) |" in page
    assert "| 0.1 GB, with copy-on-write | 2.0 s (1.0 to 3.0) | 4.0 s (2.0 to 6.0) | 2.0 s (1.0 to 3.0) |" in page
    assert "| processor | One, 2 cores |" in page


def test_the_picture_places_every_median(measured: Study) -> None:
    root = ElementTree.fromstring(picture.drawn(measured))
    circles = root.findall("{*}circle")
    assert len(circles) == 3 * 2 + 2 * 2
    assert {one.get("class") for one in circles} == {"hand", "clone", "copy"}
    # The longer the outage, the higher the point.
    by_hand = [float(one.get("cy", "")) for one in circles if one.get("class") == "hand"]
    assert by_hand[1] < by_hand[0]


def test_the_picture_has_colours_for_dark_pages_and_fetches_nothing(measured: Study) -> None:
    text = picture.drawn(measured)
    light, dark = text.split("prefers-color-scheme: dark")
    assert set(re.findall(r"--\w+(?=:)", light)) == set(re.findall(r"--\w+(?=:)", dark))
    assert "url(" not in text
    assert "href" not in text


def test_what_was_written_can_be_read_again(measured: Study, tmp_path: Path) -> None:
    measured.write(tmp_path / "results.json")
    assert study.read(tmp_path / "results.json") == measured


def test_a_round_that_would_end_too_late_is_left_out() -> None:
    small, large = Size(0.1, 10), Size(4, 10)
    clock = Clock(ends=float("inf"), took={small: 1, large: 1})
    assert clock.allows(large)
    clock.ends = 0
    assert not clock.allows(small)


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([2.6, 130], [2, 5, 10, 20, 50, 100, 200]),
        ([1, 10], [1, 2, 5, 10]),
        ([3, 3], [2, 5]),
        ([0.04, 0.3], [0.02, 0.05, 0.1, 0.2, 0.5]),
    ],
)
def test_round_values_enclose_the_figures(values: list[float], ticks: list[float]) -> None:
    assert scale.decades(values) == pytest.approx(ticks)


@pytest.mark.parametrize("highest", [0.03, 0.22, 1, 4.9, 77])
def test_a_straight_axis_begins_at_nought(highest: float) -> None:
    ticks = scale.straight(highest)
    assert ticks[0] == 0
    assert ticks[-1] >= highest
    assert 3 <= len(ticks) <= 7


def test_a_scale_goes_from_one_end_to_the_other() -> None:
    upright = Scale(1, 100, 340, 40)
    assert [upright.place(value) for value in (1, 10, 100, 0.5)] == [340, 190, 40, 340]
