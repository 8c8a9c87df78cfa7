"""Pages and their blocks on a terminal; in plain ASCII where it has nothing more."""

import textwrap

from rich.console import Console, JustifyMethod
from rich.table import Table as Grid
from rich.text import Text

from runbook import printable
from runbook.page import Block, Bullets, Fixed, Link, Page, Picture, Table

WORD = 16
"""A table's column is as wide as its longest word, but no wider than this where there is no room."""
PLAIN = str.maketrans({"…": "...", "\u2013": "-", "\u2014": "-", "→": "->", "≤": "<=", "≥": ">="})


def page(shown: Page, style: str, console: Console) -> None:
    """Show a page, its verdict in ``style``."""
    sentence(shown.verdict, console, style)
    for one in shown.lead:
        block(one, console)
    for section in shown.sections:
        console.print()
        sentence(section.title, console, "bold")
        for one in section.blocks:
            block(one, console)


def block(shown: Block, console: Console) -> None:
    """Show a sentence, a list, a table, or lines in a fixed pitch."""
    match shown:
        case Bullets():
            for mark, item in zip(shown.marks(), shown.items, strict=True):
                say(f"  {mark} {printable.line(item)}", console, indent=len(mark) + 3)
        case Table() if any(shown.header):
            console.print(_grid(shown, console))
        case Table():
            facts(shown, console)
        case Link(words, address):
            say(f"  {printable.line(f'{words}: {address}')}", console)
        case Fixed(lines) | Picture(lines=lines):
            for line in lines:
                copied(f"  {line}", console)
        case _:
            say(f"  {printable.line(shown)}", console)


def facts(table: Table, console: Console) -> None:
    """Show names and values line by line; a long path is not broken, so that it can be copied."""
    width = max((len(row[0]) for row in table.rows), default=0)
    for name, value in table.rows:
        said = printable.text(value).replace("\n", "\n" + " " * (width + 4))
        say(f"  {printable.line(name):<{width}}  {said}", console, indent=width + 4)


def _grid(table: Table, console: Console) -> Grid:
    """Lay a table out without lines, so that it can be copied; cells fold where the terminal ends."""
    grid = Grid(box=None, padding=(0, 1))
    rows = [[plain(printable.line(cell), console) for cell in row] for row in table.rows]
    for i, title in enumerate(table.header):
        justify: JustifyMethod = "right" if i in table.right else "left"
        words = [word for row in rows for word in row[i].split()] + [title]
        # No word is broken, but a path or a hash where nothing else can give way.
        least = min(max(map(len, words)), WORD)
        grid.add_column(Text(title), justify=justify, overflow="fold", min_width=least)
    for row in rows:
        grid.add_row(*map(Text, row))
    return grid


def say(text: str, console: Console, style: str = "", indent: int = 0) -> None:
    """Print a text as it is: no markup of rich's, no colouring of figures.

    A terminal's lines are broken between words and go on ``indent`` columns in; a file gets them whole. Where others
    wrote a part of the text, see to it that it begins no line: printable.line, printable.indented.
    """
    lines = plain(text, console).split("\n")
    if console.is_terminal:
        lines = [_wrapped(line, console.width, indent) for line in lines]
    console.print(Text("\n".join(lines), style), soft_wrap=True)


def sentence(text: str, console: Console, style: str = "") -> None:
    """Print a text on one line, whatever others wrote into it."""
    say(printable.line(text), console, style)


def copied(line: str, console: Console) -> None:
    """Print a line that is copied: a command keeps each word, also one that looks like a password."""
    console.print(Text(_fitting(printable.shown(line).replace("\n", "\\n"), console)), soft_wrap=True)


def _wrapped(line: str, width: int, indent: int) -> str:
    """Break a line between words; a word that is longer than a line, such as a path, stays whole to be copied."""
    return textwrap.fill(
        line,
        width,
        subsequent_indent=" " * indent,
        break_long_words=False,
        break_on_hyphens=False,
        replace_whitespace=False,
        drop_whitespace=True,
    )


def ascii_only(console: Console) -> bool:
    """Tell whether the terminal has nothing but ASCII."""
    return console.options.ascii_only


def plain(text: str, console: Console) -> str:
    """Write a text so that the terminal can show it, without credentials and anything that would steer it."""
    return _fitting(printable.text(text), console)


def _fitting(text: str, console: Console) -> str:
    """Write a text with what the terminal has."""
    return text.translate(PLAIN).encode("ascii", "replace").decode() if ascii_only(console) else text
