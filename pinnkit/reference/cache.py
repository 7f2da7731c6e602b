"""References kept on disk under a name made of what they depend on."""

from __future__ import annotations

import hashlib
import os
import time
import zipfile
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import numpy as np

from ..solution.atomic import is_temporary, replacing

# What else a reference is made by: new versions give new entries.
_PACKAGES = ("scikit-fem", "numpy", "scipy", "sympy", "netgen-mesher", "meshio", "pyamg")
_ROOMS = ("geometry", "declare", "forms", "reference")
# Beyond this many bytes the entries unused for longest go; left-overs of killed writers go after a day.
LARGEST = 2 << 30
_ABANDONED = 86_400.0
_DAMAGE = (
    OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, EOFError, zipfile.BadZipFile,
    zlib.error,
)  # fmt: skip

Found = TypeVar("Found")


def entry(folder: Path, *content: str) -> Path:
    """The file that a reference of this content lives in.

    Its name is a digest of the content, the versions of packages, and pinnkit's own code.
    """
    versions = [f"{name} {version(name)}" for name in _PACKAGES]
    key = hashlib.sha256("\n".join([_code(), *versions, *content]).encode()).hexdigest()
    return Path(folder) / f"reference-{key[:32]}.npz"


def _code() -> str:
    """Digest of the rooms that references are made in: any change of them makes older entries doubtful."""
    total, root = hashlib.sha256(), Path(__file__).parents[1]
    for path in sorted(p for room in _ROOMS for p in (root / room).rglob("*.py")):
        total.update(path.relative_to(root).as_posix().encode())
        total.update(path.read_bytes())
    return total.hexdigest()


def load(path: Path, build: Callable[[Mapping[str, np.ndarray]], Found]) -> Found | None:
    """What ``build`` makes of the arrays of an entry; None where there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        if str(arrays.pop("checksum")) != _checksum(arrays):
            return None
        found = build(arrays)
    except _DAMAGE:
        return None
    with suppress(OSError):
        os.utime(path)
    return found


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write an entry at once, with a checksum; a reader never sees half of it.

    Raises ``StorageError`` where it cannot be written. Several writers at once leave the entry of the last,
    which is as good as any.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, checksum=np.array(_checksum(arrays)), **arrays)
    _tidy(path)


def _tidy(latest: Path) -> None:
    """Removes what killed writers left, and the entries unused for longest beyond ``LARGEST`` bytes."""
    found: list[tuple[float, int, Path]] = []
    for path in latest.parent.iterdir():
        with suppress(OSError):
            state = path.stat()
            if is_temporary(path):
                if time.time() - state.st_mtime > _ABANDONED:
                    path.unlink()
            elif path.name.startswith("reference-") and path != latest:
                found.append((state.st_mtime, state.st_size, path))
    room = LARGEST - latest.stat().st_size
    for _, size, path in sorted(found, reverse=True):
        room -= size
        if room < 0:
            with suppress(OSError):
                path.unlink()


def _checksum(arrays: Mapping[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
