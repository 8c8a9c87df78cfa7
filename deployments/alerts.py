"""Alerts: what another tool sends becomes a request that proposes a rollback. It is a proposal; people approve."""

import hashlib
import json
import re
from collections.abc import Callable
from collections.abc import Mapping as Table
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from deployments import mapping
from deployments.mapping import Mapping, Source
from runbook import printable
from runbook.errors import RollbackError
from runbook.request import RollbackRequest

DIGITS = 12
LONGEST = 2000
Reader = Callable[[Table[str, Any], Source], Any]


class AlertInvalid(RollbackError):
    """No request can be made of an alert; all that is missing or wrong is named at once."""


class NothingToPropose(RollbackError):
    """The alert does not ask for anything: it is resolved, acknowledged or of another kind."""


def parse(text: str) -> dict[str, Any]:
    """Read a payload. Raises AlertInvalid unless it is a JSON object."""
    try:
        payload = json.loads(text)
    except ValueError as error:
        raise _invalid([f"it is not JSON: {error}"]) from None
    if not isinstance(payload, dict):
        raise _invalid([f"it is not a JSON object but {type(payload).__name__}"])
    return payload


def request(payload: Table[str, Any], by: Mapping, told: Table[str, Any] | None = None) -> RollbackRequest:
    """Return the request that a payload asks for; ``told`` goes before mapping and payload.

    Raises NothingToPropose, AlertInvalid.
    """
    _proposes(payload, by)
    values: dict[str, Any] = {**by.fixed, **(told or {})}
    missing = []
    for name, source in by.fields.items():
        if name in values:
            continue
        reader: Reader = READERS.get(name, _first)
        if value := reader(payload, source):
            values[name] = value
        elif not source.optional:
            missing.append(f"{name}: {_why(payload, name, source)}")
    if missing:
        raise _invalid(missing, by.title)
    try:
        return RollbackRequest.model_validate(values)
    except ValidationError as error:
        raise _invalid([f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors()], by.title) from None


def _proposes(payload: Table[str, Any], by: Mapping) -> None:
    for path, wanted in by.proposes.items():
        there = (mapping.found(payload, path) or [""])[0]
        if there not in wanted:
            raise NothingToPropose(
                f"{path} is {there or 'not there'}, so nothing is proposed; {by.title} proposes when it is "
                f"{' or '.join(filter(None, wanted))}.",
                state="Nothing was sent. A run that waits already goes on waiting.",
            )


def _invalid(wrong: list[str], title: str = "") -> AlertInvalid:
    lines = "".join(f"\n  - {printable.line(line)}" for line in wrong)
    by = f", read as {title}," if title else ""
    return AlertInvalid(
        f"The alert{by} makes no request for a rollback:{lines}",
        "Mend the alert or its mapping (deployments/README.md), or ask by hand: rollback run",
        "Nothing was sent.",
    )


def _why(payload: Table[str, Any], name: str, source: Source) -> str:
    """Say why a field is missing: nothing is there, or nothing that fits."""
    words = _taken(payload, source)
    if name == "triggers" and words:
        known = ", ".join(source.values) or "the procedure's words"
        return f"no trigger fits {', '.join(words)}; known are {known}"
    takes = f" that fits {source.pattern}" if source.pattern else ""
    return f"nothing{takes} at {', '.join(source.paths)}"


def _taken(payload: Table[str, Any], source: Source) -> list[str]:
    """Return what the first path that leads to something leads to, each once, cut by the pattern."""
    for path in source.paths:
        texts = [_cut(text, source.pattern) for text in mapping.found(payload, path)]
        if any(texts):
            return list(dict.fromkeys(text for text in texts if text))
    return []


def _cut(text: str, pattern: str | None) -> str:
    if pattern is None:
        return text
    match = re.search(pattern, text)
    return (match[1] or "").strip() if match else ""


def _first(payload: Table[str, Any], source: Source) -> str:
    """Return one text, with the prefix before it."""
    return next((source.prefix + text for text in _taken(payload, source)), "")


def _incident(payload: Table[str, Any], source: Source) -> str:
    """Return the incident's id: what the payload calls it, as it is, or one made of what tells it from others."""
    said = _taken(payload, source)
    if said:
        return said[0] if source.made_of else source.prefix + said[0]
    parts = [min(mapping.found(payload, path), default="") for path in source.made_of]
    if not parts or not all(parts):
        return ""
    return source.prefix + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:DIGITS]


def _reason(payload: Table[str, Any], source: Source) -> str:
    return (source.prefix + "; ".join(_taken(payload, source)))[:LONGEST] if _taken(payload, source) else ""


def _triggers(payload: Table[str, Any], source: Source) -> list[str]:
    """Return the procedure's triggers among the tool's words; what does not fit beside one that does is passed over."""
    fitting = (mapping.trigger(word, source) for word in _taken(payload, source))
    return list(dict.fromkeys(one for one in fitting if one))


def _earliest(payload: Table[str, Any], source: Source) -> str:
    """Return the first moment; one that is no moment is left to the request to refuse."""
    return min(_taken(payload, source), key=_moment, default="")


def _moment(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return float("-inf")


def _most(payload: Table[str, Any], source: Source) -> str:
    """Return the greatest figure; one that is no figure is left to the request to refuse."""
    return max(_taken(payload, source), key=_figure, default="")


def _figure(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("inf")


READERS: Table[str, Reader] = {
    "incident": _incident,
    "reason": _reason,
    "triggers": _triggers,
    "identified_at": _earliest,
    "degradation_percent": _most,
}
"""How a field is read where a payload may have several values for it."""
