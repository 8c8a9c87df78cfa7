"""A page of facts, written once and shown as Markdown or in a terminal."""

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

LONG = 9
"""Up to which number a list's own numbers have one digit."""


class Code(str):
    """A text to be copied as it stands: a hash, a path, a command."""

    __slots__ = ()


@dataclass(frozen=True)
class Bullets:
    """A list of sentences, numbered where their order matters."""

    items: Sequence[str]
    numbered: bool = False

    def marks(self) -> Sequence[str]:
        """Return what stands in front of each item."""
        return [f"{i}." if self.numbered else "-" for i in range(1, len(self.items) + 1)]


@dataclass(frozen=True)
class Table:
    """Rows under a header; ``right`` counts the columns, from the left, that hold figures."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()


@dataclass(frozen=True)
class Fixed:
    """Lines in a fixed pitch: commands, or a picture of characters."""

    lines: Sequence[str]


@dataclass(frozen=True)
class Picture:
    """A picture, and the lines in a fixed pitch that say the same where no picture can be shown."""

    words: str
    """What it shows, in a sentence."""
    name: str
    """Its file, beside the page."""
    svg: str
    lines: Sequence[str]


@dataclass(frozen=True)
class Link:
    """An address under its name."""

    words: str
    address: str


Block = str | Bullets | Table | Fixed | Picture | Link


@dataclass(frozen=True)
class Section:
    """A part of a page under its title."""

    title: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Page:
    """A page: what matters most is its first line."""

    verdict: str
    lead: Sequence[Block]
    sections: Sequence[Section]


def markdown(page: Page, *, whole: bool = False) -> str:
    """Write the page as Markdown. ``whole``: with its pictures inside, where no files can lie beside it."""
    parts = [f"# {escape(page.verdict)}", *(_block(block, whole=whole) for block in page.lead)]
    for section in page.sections:
        parts += [f"## {escape(section.title)}", *(_block(block, whole=whole) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Write a text so that Markdown shows it as it is: on one line, and without any markup of its own."""
    line = " ".join(text.split())
    if isinstance(text, Code):
        return f"`{line.replace('`', chr(39)).replace('|', chr(92) + '|')}`" if line else ""
    line = re.sub(r"([\\`*<>\[\]|~])", r"\\\1", line)
    # An underscore inside a word is no emphasis, and names are full of them.
    return re.sub(r"(?<!\w)_|_(?!\w)", r"\\_", line)


def _line(text: str) -> str:
    """Escape a text that stands at the start of a line, where a mark or a number would begin something."""
    line = re.sub(r"^([#+=-])", r"\\\1", escape(text))
    return re.sub(r"^(\d+)([.)])(?=\s|$)", r"\1\\\2", line)


def _block(block: Block, *, whole: bool) -> str:
    match block:
        case Bullets():
            return _bullets(block)
        case Table():
            return _table(block)
        case Fixed(lines):
            return _fixed(lines)
        case Picture():
            return _picture(block, whole=whole)
        case Link(words, address):
            return f"[{escape(words)}](<{address}>)"
        case _:
            return _line(block)


def _bullets(bullets: Bullets) -> str:
    """Write a list; Prefect's UI cuts the first digit of a list's numbers off, so that long ones bring their own."""
    pairs = list(zip(bullets.marks(), bullets.items, strict=True))
    if bullets.numbered and len(pairs) > LONG:
        return "\n".join(f"- **{mark}** {escape(item)}" for mark, item in pairs)
    return "\n".join(f"{mark} {_line(item)}" for mark, item in pairs)


def _fixed(lines: Sequence[str]) -> str:
    return "\n".join(["```text", *(line.replace("```", "'''") for line in lines), "```"])


def _picture(picture: Picture, *, whole: bool) -> str:
    """Write a picture: inside the page, or as a file's name with the same in characters below it."""
    if whole:
        inside = b64encode(picture.svg.encode()).decode()
        return f"![{escape(picture.words)}](data:image/svg+xml;base64,{inside})"
    return f"![{escape(picture.words)}]({picture.name})\n\n{_fixed(picture.lines)}"


def _table(table: Table) -> str:
    """Write a table; names and values without a header as a list, since the form's narrow tables cut values off."""
    if not any(table.header):
        return "\n".join(
            f"- **{escape(name)}:** {escape(value)}" if name else f"- {escape(value)}" for name, value in table.rows
        )
    rule = ["---:" if i in table.right else "---" for i in range(len(table.header))]
    rows = [[escape(h) for h in table.header], rule, *([escape(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
