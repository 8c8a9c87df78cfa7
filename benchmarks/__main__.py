"""One command: python -m benchmarks. It writes results.json, results.md and outage.svg."""

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks import picture, study, table
from benchmarks.filling import Size
from benchmarks.measuring import SIDES
from benchmarks.study import Study, Wanted

RESULTS = Path(__file__).parent / "results"
SIZES = "0.1:10000 0.5:100000 2:1000000 4:5000000"
"""Gigabytes, and how many messages are among them."""


def main() -> None:
    """Measure, or only draw what was measured before."""
    options = _arguments()
    options.results.mkdir(parents=True, exist_ok=True)
    file = options.results / "results.json"
    if options.draw:
        draw(study.read(file), options.results)
        return
    console = Console(highlight=False)
    sizes = [Size(float(gigabytes), int(messages)) for gigabytes, messages in (one.split(":") for one in options.sizes)]
    wanted = Wanted(sizes, options.sides, options.rounds, options.minutes, options.folder)
    done = study.run(wanted, file, lambda words: console.print(f"• {words}"))
    draw(done, options.results)
    console.print(f"• Written: {options.results}")


def draw(done: Study, folder: Path) -> None:
    """Write the table and the picture."""
    (folder / "results.md").write_text(table.written(done), encoding="utf-8")
    (folder / "outage.svg").write_text(picture.drawn(done), encoding="utf-8")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=SIZES.split(), metavar="GB:MESSAGES", help=f"default: {SIZES}")
    parser.add_argument(
        "--sides", nargs="+", default=[], choices=list(SIDES), help="default: what the file system allows"
    )
    parser.add_argument("--rounds", type=int, default=3, help="how often each side is measured at each size (3)")
    parser.add_argument("--minutes", type=float, default=25, help="no further round is begun that would end later (25)")
    parser.add_argument("--folder", type=Path, help="measure in this folder, instead of on an XFS image (needs root)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write (benchmarks/results)")
    parser.add_argument("--draw", action="store_true", help="draw results.json again, measuring nothing")
    return parser.parse_args()


if __name__ == "__main__":
    main()
