"""Seals: a MAC on what the worker writes into the journal, so that a row that somebody else wrote is not believed.

The key is a private file beside the worker's store. Whoever owns the database never sees it; whoever reads the worker's
files is trusted. Another worker that is to go on with this one's runs needs a copy of it.
"""

import hashlib
import hmac
import json
import os
import secrets
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from runbook import private_files, store
from runbook.errors import SettingsInvalid
from runbook.settings import Settings

NAME = "journal.key"
BYTES = 32


def place(settings: Settings) -> Path:
    """Return where the key lies."""
    return store.place(settings).with_name(NAME)


def make(settings: Settings, kind: str, *values: object) -> str:
    """Return the seal of some values, as hexadecimal; makes the key when there is none. Raises SettingsInvalid."""
    return hmac.new(_key(settings), _text(kind, values), hashlib.sha256).hexdigest()


def holds(settings: Settings, seal: str, kind: str, *values: object) -> bool:
    """Tell whether this worker sealed these values. Raises SettingsInvalid when the key cannot be read."""
    if not seal.isascii() or not place(settings).exists():
        return False
    return hmac.compare_digest(make(settings, kind, *values), seal)


def _key(settings: Settings) -> bytes:
    path = place(settings)
    if not path.exists():
        _make_key(path)
    text = private_files.read(path, "The journal's key", store.SETTING).strip()
    with suppress(ValueError):
        if len(key := bytes.fromhex(text)) == BYTES:
            return key
    raise SettingsInvalid(
        f"{path} holds no key of {BYTES} bytes in hexadecimal.",
        "Bring the file back from where it was copied to, or remove it: what was sealed with it is then not believed.",
        private_files.UNTOUCHED,
    )


def _make_key(path: Path) -> None:
    """Make a key, whole or not at all; where two processes do so at once, the first one's stays."""
    part = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        path.parent.mkdir(mode=private_files.FOLDER_MODE, parents=True, exist_ok=True)
        private_files.write(part, secrets.token_hex(BYTES))
        with suppress(FileExistsError):
            os.link(part, path)
    except OSError as error:
        raise SettingsInvalid(
            f"The journal's key {path} cannot be written: {error.strerror}.",
            f"Correct it, or set {store.SETTING} to a folder of this user's.",
            private_files.UNTOUCHED,
        ) from None
    finally:
        part.unlink(missing_ok=True)


def _text(kind: str, values: tuple[object, ...]) -> bytes:
    return json.dumps([kind, *map(_plain, values)], sort_keys=True, separators=(",", ":")).encode()


def _plain(value: object) -> object:
    """Return a value as it reads the same before it went into PostgreSQL and after it came back."""
    match value:
        case bool() | None | int() | str():
            return value
        case float():
            return int(value) if value.is_integer() else value
        case datetime():
            return value.astimezone(UTC).isoformat()
        case dict():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} cannot be sealed")
