"""Draw deployments/pictures/demo.svg from a real run of the demo: python -m deployments.pictures.draw."""

import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from flows import cli
from runbook.demo import world

PICTURE = Path(__file__).parent / "demo.svg"
SHOWN_AS = "/home/you/rollback/.demo"
"""What the picture calls the demo's folder."""
WIDTH = 110
FROM, TO = "Warnings", "• The run waits"
"""The middle of the plan is left out: from the one to the other."""


def main() -> None:
    """Run the demo and draw what it printed."""
    for name, value in cli.PREFECT.items():
        os.environ.setdefault(name, value)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / ".demo"
        lines = [line.replace(str(folder), SHOWN_AS) for line in _played(folder)]
    PICTURE.write_text(_drawn(_shortened(lines)), encoding="utf-8")


def _played(folder: Path) -> list[str]:
    """Return the demo's output, line by line, with its colours as ANSI sequences."""
    console = Console(
        file=StringIO(), record=True, force_terminal=True, color_system="truecolor", width=WIDTH, highlight=False
    )
    world.empty(folder)
    os.environ["PREFECT_HOME"] = str(folder / "prefect")
    from flows import demo  # noqa: PLC0415 - it must see PREFECT_HOME

    if demo.play(folder, console, answer=True):
        raise SystemExit("The demo did not end well; no picture was drawn.")
    return console.export_text(styles=True).splitlines()


def _shortened(lines: Iterable[str]) -> Iterator[str]:
    """Leave out the middle of the plan."""
    out = False
    for line in lines:
        words = Text.from_ansi(line).plain
        if words.startswith(FROM):
            yield "  … (what will happen, users, rows, sessions, scripts)"
            out = True
        out = out and not words.startswith(TO)
        if not out:
            yield line


def _drawn(lines: Iterable[str]) -> str:
    """Return the lines as an SVG that fetches nothing."""
    console = Console(
        file=StringIO(), record=True, force_terminal=True, color_system="truecolor", width=WIDTH, highlight=False
    )
    for line in lines:
        console.print(Text.from_ansi(line), soft_wrap=False, overflow="ellipsis", no_wrap=True)
    svg = console.export_svg(title="make demo", unique_id="demo")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL) + "\n"


if __name__ == "__main__":
    main()
