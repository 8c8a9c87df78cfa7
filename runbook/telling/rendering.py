"""Templates rendered by Jinja: whatever their author did wrong becomes one error that names file and line."""

import traceback
from collections.abc import Mapping
from pathlib import Path

import jinja2

from runbook.errors import SettingsInvalid

NOTHING = "Nothing was touched."


def text(folders: list[Path], name: str, values: Mapping[str, str]) -> str:
    """Render the first template of this name that the folders have.

    Raises SettingsInvalid where it cannot be rendered, or gives an empty text.
    """
    try:
        rendered = _environment(folders).get_template(name).render(values).strip()
    except Exception as error:
        # A template is a program of the operator's: it can raise anything.
        raise _broken(name, error, values) from None
    if not rendered:
        raise SettingsInvalid(f"The template {name} gives an empty text.", "Write its text.", NOTHING)
    return rendered


def _environment(folders: list[Path]) -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders),
        undefined=jinja2.StrictUndefined,
        autoescape=jinja2.select_autoescape(("html", "html.j2"), default=False),
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _broken(name: str, error: Exception, values: Mapping[str, str]) -> SettingsInvalid:
    file, line = _place(name, error)
    what = getattr(error, "message", None) or str(error) or type(error).__name__
    return SettingsInvalid(
        f"The message template {file}{f', line {line}' if line else ''}, cannot be used: {what}",
        f"Correct it; its variables are {', '.join(sorted(values))}.",
        NOTHING,
    )


def _place(name: str, error: Exception) -> tuple[str, int | None]:
    """Return file and line of what is wrong: jinja2's own, or the last template on the way to the error."""
    if isinstance(error, jinja2.TemplateSyntaxError):
        return error.filename or name, error.lineno
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename.endswith(".j2")]
    return (frames[-1].filename, frames[-1].lineno) if frames else (name, None)
