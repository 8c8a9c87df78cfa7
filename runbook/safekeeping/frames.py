"""Compressed files, walked from block to block: do they reach to their end.

pg_restore takes a file of zstd or lz4 that was cut off for one that ends there, so it is looked at here. It misses
gzip's end, but only where the head is whole: without one it takes the file for plain text.
"""

import os
from pathlib import Path
from typing import BinaryIO

ZSTD = 0xFD2FB528
LZ4 = 0x184D2204
GZIP = 0x88B1F
GZIP_BYTES = 20
"""The least that a file of gzip has: head 10, an empty block 2, end 8."""
UNCOMPRESSED = 1 << 31
RLE = 1
EMPTY = "blob_"
"""How the name of a large object's file begins: pg_dump writes no frame at all for one without bytes."""


class CutError(Exception):
    """Say that a file ends before its last block does, or holds no such blocks."""


def walk(path: Path) -> None:
    """Go through all blocks of a file that ends in .zst or .lz4; of .gz, look at the head. Raises CutError."""
    frame = FRAMES[path.suffix]
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size and path.name.startswith(EMPTY):
            return
        while not size or file.tell() < size:
            frame(file)
            if file.tell() > size:
                raise CutError(f"{path} ends {file.tell() - size} bytes too early")


def _zstd(file: BinaryIO) -> None:
    """Skip a frame of zstd (RFC 8878)."""
    _expect(file, ZSTD)
    flags = _number(file, 1)
    single = bool(flags & 0x20)
    _skip(file, (0 if single else 1) + (0, 1, 2, 4)[flags & 3] + (1 if single else 0, 2, 4, 8)[flags >> 6])
    last = False
    while not last:
        head = _number(file, 3)
        last = bool(head & 1)
        _skip(file, 1 if head >> 1 & 3 == RLE else head >> 3)
    _skip(file, 4 if flags & 4 else 0)


def _lz4(file: BinaryIO) -> None:
    """Skip a frame of lz4 (LZ4 Frame Format 1.6)."""
    _expect(file, LZ4)
    flags = _number(file, 1)
    _skip(file, 2 + (8 if flags & 8 else 0) + (4 if flags & 1 else 0))
    while size := _number(file, 4):
        _skip(file, (size & ~UNCOMPRESSED) + (4 if flags & 16 else 0))
    _skip(file, 4 if flags & 4 else 0)


def _gzip(file: BinaryIO) -> None:
    """See a file's head, and go to its end (RFC 1952)."""
    if _number(file, 3) != GZIP:
        raise CutError(f"{file.name} is not what its name says")
    file.seek(max(GZIP_BYTES, os.fstat(file.fileno()).st_size))


def _expect(file: BinaryIO, magic: int) -> None:
    if _number(file, 4) != magic:
        raise CutError(f"{file.name} is not what its name says")


def _number(file: BinaryIO, size: int) -> int:
    read = file.read(size)
    if len(read) < size:
        raise CutError(f"{file.name} ends too early")
    return int.from_bytes(read, "little")


def _skip(file: BinaryIO, size: int) -> None:
    file.seek(size, os.SEEK_CUR)


FRAMES = {".zst": _zstd, ".lz4": _lz4, ".gz": _gzip}
