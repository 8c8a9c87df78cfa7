r"""Text from outside, made safe to print: requests, the database, servers, programs' output, approvers' comments.

Each renderer (page, screen, drawing, messages, mail, log lines) passes what it shows through here, so that no text can
steer a terminal, hide or reorder what stands beside it, begin a line of its own, or show a password. What cannot be
seen is written as its escape, such as ``\x1b``.
"""

import json
import re
import unicodedata
from collections.abc import Mapping

LONGEST = 4000
"""How many characters a value may have that stands in one line; of more the beginning is shown, and how many follow."""
MASK = "***"

_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2065\u2800\u3164\ufe00-\ufe0d\uffa0\ufff0-\ufff8"
    "\U000e0000-\U000e0fff]"
)
"""Letters and marks without a shape of their own: Python calls some printable (Unicode: Default_Ignorable)."""

_NAMED = (
    r"(?:[\w-]*(?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key)|pgpass|pwd|auth|sig|signature)"
)
_MASKED = (
    # What stands before the @ of a URL; libpq and git take a token there without a colon.
    (re.compile(r"(://)[^/\s?#'\"<>@]{1,500}@(?:[^/\s?#'\"<>@]{1,500}@)*"), rf"\1{MASK}@"),
    # A password with a slash in it, which no client may take but each error message shows. host:port/ is none.
    (re.compile(r"(://)[^/\s@:'\"<>]{0,200}:(?!\d{1,5}[/?#])[^\s@'\"<>]{1,300}@"), rf"\1{MASK}@"),
    (re.compile(rf"([?&#]{_NAMED}=)[^&#\s'\"<>]+", re.I), rf"\1{MASK}"),
    # password=…, PGPASSWORD='…', "token": "…"; libpq quotes by backslash, SQL by doubling.
    (re.compile(rf"(?<![\w-])({_NAMED}[\"']?\s{{0,3}}[=:]\s{{0,3}})'(?:[^'\\]|\\.|''){{0,500}}'", re.I), rf"\1{MASK}"),
    (re.compile(rf"(?<![\w-])({_NAMED}[\"']?\s{{0,3}}[=:]\s{{0,3}})\"(?:[^\"\\]|\\.){{0,500}}\"", re.I), rf"\1{MASK}"),
    (re.compile(rf"(?<![\w-])({_NAMED}=)[^\s'\"&,;)]+", re.I), rf"\1{MASK}"),
    (re.compile(r"(authorization[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:basic|bearer|token|digest)\s+)[^\s'\"]+", re.I),
     rf"\1{MASK}"),
    (re.compile(r"(\bbearer\s+)[\w.~+/=-]{16,}", re.I), rf"\1{MASK}"),
    (re.compile(r"((?<!\S)(?:-u|--user|--proxy-user)[ =])[^\s:]+:\S+"), rf"\1{MASK}"),
    (re.compile(r"(hooks\.slack\.com/(?:services|workflows)/)[\w/-]+"), rf"\1{MASK}"),
    (re.compile(r"\b(?:gh[pousr]_\w{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|xox[a-z]-[\w-]{10,}|AKIA[A-Z0-9]{16})\b"),
     MASK),
)  # fmt: skip
"""How a credential looks, and what is written in its place. No pattern looks further than a few hundred characters."""

_MARKUP = re.compile(r"(?<=\])(?=[(\[])|(?<=<)(?=[!@#\w/])|(?<=@)(?=everyone\b|here\b|channel\b|all\b)", re.I)
"""Where a chat would see a link, a picture, a tag, or a call to everybody."""


def text(value: object) -> str:
    """Return a text that may have several lines: credentials masked, and nothing in it but what can be seen."""
    return shown(masked(str(value)))


def line(value: object, longest: int = LONGEST) -> str:
    """Return a text on one line, credentials masked; of one that is longer than ``longest`` only the beginning."""
    flat = " ".join(shown(masked(str(value))).split())
    if len(flat) <= longest:
        return flat
    return f"{flat[:longest]}… ({len(flat) - longest:,} characters more)"


def indented(value: object, indent: int = 4) -> str:
    """Return a text of several lines, all but the first set in, so that none passes for a line of what it stands in."""
    return re.sub(r"\n(?!  )", "\n" + " " * indent, text(value))


def shown(value: str) -> str:
    """Return a text with everything that cannot be seen as its escape; newlines stay."""
    if value.isprintable() and not _UNSEEN.search(value):
        return value
    lines = value.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ")
    return "".join(map(_visible, lines))


def _visible(char: str) -> str:
    if char == "\n" or (char.isprintable() and not _UNSEEN.match(char)):
        return char
    if unicodedata.category(char) == "Zs":
        return " "  # a space of another width
    code = ord(char)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"  # noqa: PLR2004


def unmarked(value: str) -> str:
    """Return a text with a blank in what a chat or a form would take for a link, a tag, or a call to everybody."""
    return _MARKUP.sub(" ", value)


def masked(value: str) -> str:
    """Return a text without the passwords and tokens that stand in its URLs, settings and headers."""
    for pattern, instead in _MASKED:
        value = pattern.sub(instead, value)
    return value


def as_json(value: object) -> str:
    """Return JSON for machines: ASCII, credentials masked, control characters as JSON's own escapes."""
    return json.dumps(_without_secrets(value), indent=2, default=str).replace("\x7f", "\\u007f")


def _without_secrets(value: object) -> object:
    """Mask the credentials in every text of a value that JSON can hold."""
    match value:
        case str():
            return masked(value).encode("utf-8", "backslashreplace").decode()
        case Mapping():
            return {_without_secrets(key): _without_secrets(one) for key, one in value.items()}
        case list() | tuple():
            return [_without_secrets(one) for one in value]
        case _:
            return value
