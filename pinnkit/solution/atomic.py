"""Files that are whole or not there: written beside their place, flushed to disk, then renamed onto it."""

from __future__ import annotations

import errno
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_FULL = {errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC)}


class StorageError(OSError):
    """A file could not be written; what stood there before still does."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the folder of ``path``; on leaving cleanly, it takes the place of ``path``.

    The temporary file keeps the suffix, which writers read the format from. On any failure it is removed
    and the old file stays; an ``OSError`` becomes a ``StorageError`` with the cause and the mend.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}.part{path.suffix}")
    try:
        yield temporary
        _flush_to_disk(temporary)
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as cause:
        raise storage_error(path, cause) from cause
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write a file at once; raises ``StorageError``."""
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        stream.write(data)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 file at once; raises ``StorageError``."""
    write_bytes(path, text.encode("utf-8"))


def storage_error(path: Path, cause: OSError) -> StorageError:
    """The complaint about a failed write, with its cause and mend."""
    if isinstance(cause, StorageError):
        return cause
    if cause.errno in _FULL:
        what, mend = "the disk is full", "free some space, then go on with --resume"
    else:
        what, mend = cause.strerror or str(cause), "check that the folder exists and can be written to"
    return StorageError(
        cause.errno, f"{path} could not be written: {what}; everything saved before is kept; {mend}"
    )


def is_temporary(path: Path) -> bool:
    """Whether a file is what a killed writer left behind."""
    return path.name.startswith(".") and path.stem.endswith(".part")


def _flush_to_disk(path: Path) -> None:
    with open(path, "rb+") as stream:
        os.fsync(stream.fileno())


def _flush_folder(folder: Path) -> None:
    # The rename itself must survive a power cut; some file systems cannot open a folder, and need not.
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

