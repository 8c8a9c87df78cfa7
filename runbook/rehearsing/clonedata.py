"""What a clone came to."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Clone:
    """A clone that was made; it is not masked yet, and has no name that anybody knows."""

    run: str
    """Names this rehearsal on everything it makes."""
    staging: str
    incoming: str
    source: str
    """The name of what was cloned."""
    way: str
    why: str
    seconds: float
    dump_seconds: float
    """0 where nothing was dumped, or the dump is part of the stream."""
    restore_seconds: float
    """Of a restore, a stream or a copy."""
    dump_bytes: int
    bytes: int
    """How large the clone is."""
