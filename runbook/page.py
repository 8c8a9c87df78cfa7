"""A page of facts, written once and shown as Markdown or in a terminal."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from runbook import printable

LONG = 9
"""Up to which number a list's own numbers have one digit."""
WEB = "%;/?:@&=+$,#[]!~*'()"
"""What may stand in an address beside letters, digits and -._"""


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
    parts = [f"# {_title(page.verdict)}", *(_block(block, whole=whole) for block in page.lead)]
    for section in page.sections:
        parts += [f"## {_title(section.title)}", *(_block(block, whole=whole) for block in section.blocks)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Write a text so that Markdown shows it as it is: on one line, and without markup, links or images of its own."""
    line = printable.line(text)
    if isinstance(text, Code):
        return f"`{line.replace('`', chr(39)).replace('|', chr(92) + '|')}`" if line else ""
    line = re.sub(r"([\\`*<>\[\]|~]|&(?=[#\w]))", r"\\\1", line)
    line = re.sub(r"(?i)(?<=[a-z])(?=://)|(?<=www)(?=\.)|(?<=[\w.+-])(?=@)", r"\\", line)  # what would become a link
    # An underscore between letters is no emphasis, and names are full of them.
    return re.sub(r"(?<![^\W_])_|_(?![^\W_])", r"\\_", line)


def cells(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for a table artifact: Prefect's UI shows every text of one as Markdown."""
    return [{key: _line(value) if isinstance(value, str) else value for key, value in row.items()} for row in rows]


def _title(text: str) -> str:
    """Escape a title; marks at its end would not be shown."""
    return re.sub(r"#(?=#*$)", r"\\#", escape(text))


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
        case Link():
            return _link(block)
        case _:
            return _line(block)


def _link(link: Link) -> str:
    """Write a link, without the credentials of its address; what is no address of the web is written as text."""
    address = quote(re.sub(r"(?<=://)[^/?#]*@", "", link.address), safe=WEB, errors="replace")
    if not re.match(r"https?://", address):
        return _line(f"{link.words}: {link.address}")
    return f"[{escape(link.words)}](<{address}>)"


def _bullets(bullets: Bullets) -> str:
    """Write a list; Prefect's UI cuts the first digit of a list's numbers off, so that long ones bring their own."""
    pairs = list(zip(bullets.marks(), bullets.items, strict=True))
    if bullets.numbered and len(pairs) > LONG:
        return "\n".join(f"- **{mark}** {escape(item)}" for mark, item in pairs)
    return "\n".join(f"{mark} {_line(item)}" for mark, item in pairs)


def _fixed(lines: Sequence[str]) -> str:
    """Write lines exactly as they are, since they are copied: between fences that are longer than any in them."""
    inside = [printable.shown(line).replace("\n", "\\n") for line in lines]
    fence = "`" * max([3, *(len(ticks) + 1 for line in inside for ticks in re.findall(r"`+", line))])
    return "\n".join([f"{fence}text", *inside, fence])


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
            f"- **{escape(name)}:** {escape(value)}" if name else f"- {_line(value)}" for name, value in table.rows
        )
    rule = ["---:" if i in table.right else "---" for i in range(len(table.header))]
    rows = [[escape(h) for h in table.header], rule, *([escape(cell) for cell in row] for row in table.rows)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
