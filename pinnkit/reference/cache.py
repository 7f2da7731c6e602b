"""References kept on disk under a name made of what they depend on."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from importlib.metadata import version
from pathlib import Path

import numpy as np

from ..solution.atomic import replacing

# Raised with every change that makes older entries wrong or unreadable.
FORMAT = 2
_PACKAGES = ("scikit-fem", "numpy", "scipy", "sympy", "netgen-mesher")


def entry(folder: Path, *content: str) -> Path:
    """The file that a reference of this content lives in; content and package versions make its name."""
    versions = [f"{name} {version(name)}" for name in _PACKAGES]
    key = hashlib.sha256("\n".join([f"format {FORMAT}", *versions, *content]).encode()).hexdigest()
    return Path(folder) / f"reference-{key[:32]}.npz"


def load(path: Path) -> dict[str, np.ndarray] | None:
    """The arrays of an entry; None where there is none or it is damaged."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return None
    checksum = arrays.pop("checksum", None)
    return arrays if checksum is not None and str(checksum) == _checksum(arrays) else None


def save(path: Path, arrays: dict[str, np.ndarray]) -> None:
    """Writes an entry at once, with a checksum; a reader never sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, checksum=np.array(_checksum(arrays)), **arrays)


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = np.ascontiguousarray(arrays[name])
        digest.update(f"{name} {value.dtype} {value.shape}".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()
