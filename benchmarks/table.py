"""The figures as tables in Markdown."""

from collections.abc import Iterable, Sequence

from benchmarks import figures
from benchmarks.figures import Figures, Spread
from benchmarks.measuring import SIDES
from benchmarks.study import Study

NOTHING = "-"
HEAD = """# Results

Written by `python -m benchmarks`; [README.md](../README.md) says how to read it. A cell holds the median of the rounds,
and in brackets the smallest and the largest.
"""


def written(study: Study) -> str:
    """Return the page of the results."""
    found = Figures(study.measurements)
    blocks = [
        HEAD,
        _machine(study, found),
        "## Outage\n\n![Outage by size, and the transaction's time by messages](outage.svg)\n\n" + outages(found),
        "## Does it grow?\n\n" + _growths(found),
        "## From the first command to the last\n\n" + _totals(found),
        "## The one transaction\n\n" + _transactions(found),
        "## What the runbook adds to bare psql inside the outage\n\n" + _overheads(found),
        "## Where the time goes\n\nMedians, in s.\n\n"
        + "\n".join(_parts(found, side) for side in ("hand", *_runs(found))),
    ]
    return "\n".join(blocks)


def outages(found: Figures) -> str:
    """Return the table of the outages, which README.md shows too."""
    runs = _runs(found)
    header = ["database", "by hand", *(word for side in runs for word in (SIDES[side].said, "by hand ÷ runbook"))]
    rows = []
    for size in found.sizes:
        cells = [f"{size:g} GB", seconds(found.spread("hand", size, figures.outage))]
        for side in runs:
            cells.append(seconds(found.spread(side, size, figures.outage)))
            cells.append(times(found.ratio("hand", side, size, figures.outage)))
        rows.append(cells)
    return table(header, rows)


def _machine(study: Study, found: Figures) -> str:
    rounds = {size: max(one.repetition for one in study.measurements if one.gigabytes == size) for size in found.sizes}
    rows = [*study.machine.items(), ("measured", study.taken)]
    sizes = {
        one.gigabytes: f"{one.bytes / 1e9:.2f} GB, {one.messages:,} messages, {rounds[one.gigabytes]} round(s)"
        for one in study.measurements
    }
    rows += [(f"“{size:g} GB”", sizes[size]) for size in found.sizes]
    return table(("what", "which"), rows)


def _totals(found: Figures) -> str:
    sides = ["hand", *_runs(found)]
    rows = [
        [f"{size:g} GB", *(seconds(found.spread(side, size, figures.total)) for side in sides)] for size in found.sizes
    ]
    return table(["database", *(SIDES[side].said for side in sides)], rows)


def _growths(found: Figures) -> str:
    """Return how the largest size compares with the smallest."""
    first, last = (f"{size:g} GB" for size in (found.sizes[0], found.sizes[-1]))
    rows = []
    for side in ("hand", *_runs(found)):
        values = {"outage": figures.outage, **({} if side == "hand" else {"transaction": figures.transaction})}
        for name, value in values.items():
            if grown := found.growth(side, value):
                rows.append([f"{name}, {SIDES[side].said}", seconds(grown[0], 2), times(grown[1])])
    return table(("what", f"{last} less {first}", f"{last} ÷ {first}"), rows)


def _transactions(found: Figures) -> str:
    runs = _runs(found)
    messages = {one.gigabytes: one.messages for one in found.measurements}
    rows = [
        [f"{messages[size]:,}", *(seconds(found.spread(side, size, figures.transaction), 2) for side in runs)]
        for size in found.sizes
    ]
    return table(["messages", *(SIDES[side].said for side in runs)], rows)


def _overheads(found: Figures) -> str:
    rows = []
    for side in _runs(found):
        bare = f"bare-{side}"
        for size in found.sizes if bare in found.sides else ():
            rows.append(
                [
                    f"{size:g} GB, {SIDES[side].said.partition(', ')[2]}",
                    seconds(found.spread(bare, size, figures.outage)),
                    seconds(found.spread(side, size, figures.outage)),
                    seconds(found.more(side, bare, size, figures.outage)),
                    times(found.ratio(side, bare, size, figures.outage)),
                ]
            )
    return table(("database", "bare psql", "runbook", "more", "runbook ÷ bare"), rows)


def _parts(found: Figures, side: str) -> str:
    names = list(dict.fromkeys(name for one in found.measurements if one.side == side for name in one.parts))
    rows = [
        [
            name,
            *(
                f"{value:.2f}" if (value := found.part(side, size, name)) is not None else NOTHING
                for size in found.sizes
            ),
        ]
        for name in names
    ]
    return table([SIDES[side].said, *(f"{size:g} GB" for size in found.sizes)], rows)


def _runs(found: Figures) -> list[str]:
    """Return the runbook's sides that were measured."""
    return [side for side in ("clone", "copy") if side in found.sides]


def seconds(value: Spread | None, digits: int = 1) -> str:
    """Write a time in s with its spread."""
    return _cell(value, digits, " s")


def times(value: Spread | None) -> str:
    """Write a ratio with its spread."""
    return _cell(value, 1, "")


def _cell(value: Spread | None, digits: int, unit: str) -> str:
    if value is None:
        return NOTHING
    return f"{value.median:.{digits}f}{unit} ({value.low:.{digits}f} to {value.high:.{digits}f})"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
