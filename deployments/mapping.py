"""Mappings: which field of a tool's alert becomes which field of a request. They are data, in deployments/mappings."""

import re
import tomllib
from collections.abc import Mapping as Table
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from runbook.errors import RollbackError
from runbook.request import RollbackRequest, Trigger

FOLDER = Path(__file__).parent / "mappings"
SHIPPED = ("alertmanager", "pagerduty", "generic")
"""In the order in which a payload is held against them; the last one takes what no other knows."""
STEP = re.compile(r"(?P<name>\w+)(?P<each>\[(?:(?P<field>\w+)=(?P<value>\w+))?\])?")


class MappingInvalid(RollbackError):
    """A mapping cannot be read, or names fields that a request does not have; all that is wrong is listed at once."""


class Source(BaseModel):
    """Where one field of the request comes from."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    paths: list[str] = Field(alias="from", min_length=1)
    made_of: list[str] = []
    """Where ``paths`` lead to nothing: a hash of what these lead to."""
    pattern: str | None = None
    """What of the text is taken: the first group."""
    prefix: str = ""
    values: dict[str, Trigger] = {}
    """The tool's words for the procedure's triggers."""
    optional: bool = False

    @field_validator("paths", "made_of")
    @classmethod
    def _readable(cls, paths: list[str]) -> list[str]:
        if unreadable := [path for path in paths if not all(STEP.fullmatch(step) for step in path.split("."))]:
            raise ValueError(f"not a path such as a.b, a[].b or a[c=d].b: {', '.join(unreadable)}")
        return paths

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        if pattern is not None and not re.compile(pattern).groups:
            raise ValueError("needs a group, in brackets")
        return pattern


class Mapping(BaseModel):
    """How the payloads of one tool are read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    known: dict[str, list[str]]
    """A payload is this tool's when each of these fields has one of these values; an empty list: any."""
    proposes: dict[str, list[str]]
    """A rollback is proposed only when each of these fields has one of these values; "": it is not there."""
    fields: dict[str, Source]
    fixed: dict[str, Any] = {}

    @model_validator(mode="after")
    def _known_fields(self) -> "Mapping":
        if unknown := sorted({*self.fields, *self.fixed} - set(RollbackRequest.model_fields)):
            raise ValueError(f"a request has no field {', '.join(unknown)}")
        if twice := sorted(set(self.fields) & set(self.fixed)):
            raise ValueError(f"both taken from the payload and fixed: {', '.join(twice)}")
        return self

    def knows(self, payload: Table[str, Any]) -> bool:
        """Tell whether a payload is this tool's."""
        return all(_one_of(found(payload, path), values) for path, values in self.known.items())


def _one_of(there: list[str], values: list[str]) -> bool:
    return bool(there) and (not values or there[0] in values)


def read(name: str) -> Mapping:
    """Read a mapping by its name, or from a file of one's own. Raises MappingInvalid."""
    file = FOLDER / f"{name}.toml" if name in SHIPPED else Path(name)
    try:
        return Mapping.model_validate(tomllib.loads(file.read_text(encoding="utf-8")))
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc']))}: {e['msg']}".lstrip(": ") for e in error.errors()]
    except (OSError, ValueError, re.error) as error:
        wrong = [str(error)]
    lines = "".join(f"\n  - {line}" for line in wrong)
    raise MappingInvalid(
        f"The mapping {file} cannot be used:{lines}", f"Shipped are {', '.join(SHIPPED)}.", "Nothing was sent."
    )


def fitting(payload: Table[str, Any]) -> Mapping:
    """Return the first of the shipped mappings that knows this payload; the generic one knows each."""
    return next(mapping for mapping in map(read, SHIPPED) if mapping.knows(payload))


def found(payload: Any, path: str) -> list[str]:
    """Return what a path leads to, as texts; what is empty is not there."""
    things = [payload]
    for step in path.split("."):
        things = [one for thing in things for one in _step(thing, step)]
    return [text for text in (_text(thing) for thing in things) if text]


def _step(thing: Any, step: str) -> list[Any]:
    """Go one step down: ``name``, ``name[]`` for each of a list, ``name[field=value]`` for those with that value."""
    parts = STEP.fullmatch(step)
    if parts is None or not isinstance(thing, dict) or thing.get(parts["name"]) is None:
        return []
    there = thing[parts["name"]]
    if not parts["each"]:
        return [there]
    several = there if isinstance(there, list) else []
    return [one for one in several if not parts["field"] or _text(_field(one, parts["field"])) == parts["value"]]


def _field(thing: Any, name: str) -> Any:
    return thing.get(name) if isinstance(thing, dict) else None


def _text(thing: Any) -> str:
    """Return a plain value as text; a list or an object has none."""
    return "" if thing is None or isinstance(thing, (dict, list)) else str(thing).strip()


def trigger(word: str, source: Source) -> Trigger | None:
    """Return the procedure's trigger for a tool's word, which may be the procedure's own."""
    own: dict[str, Trigger] = {one.lower(): one for one in get_args(Trigger)}
    return {**own, **{name.lower(): value for name, value in source.values.items()}}.get(word.strip().lower())
