"""Everything PostgreSQL is told, as files that can be reviewed and run without Python."""

import hashlib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable


def path(name: str) -> Traversable:
    """Return the file ``name`` (such as ``rollback/012_rollback_oauth.sql``) of this folder.

    Raises FileNotFoundError when there is none.
    """
    found = files(__name__).joinpath(*name.split("/"))
    if not found.is_file():
        raise FileNotFoundError(f"There is no sql/{name}.")
    return found


def root() -> Traversable:
    """Return this folder."""
    return files(__name__)


def read(name: str) -> str:
    """Return the text of the file ``name`` below sql/. Raises FileNotFoundError when there is none."""
    return path(name).read_text(encoding="utf-8")


def query(name: str) -> str:
    """Return the named query sql/queries/``name``.sql. Raises FileNotFoundError when there is none."""
    return read(f"queries/{name}.sql")


def digest(name: str) -> str:
    """Return SHA-256 of the file ``name`` below sql/, as hexadecimal. Raises FileNotFoundError when there is none."""
    return hashlib.sha256(read(name).encode()).hexdigest()


def folder(name: str) -> Iterator[Traversable]:
    """Return the files of the folder sql/``name``."""
    return files(__name__).joinpath(name).iterdir()
