"""The folder of one run: declared names, atomic writes, a log, two generations of checkpoints, a lock."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .atomic import is_temporary, storage_error, write_bytes, write_text

try:
    import fcntl
except ImportError:  # not a POSIX system: runs are not locked there
    fcntl = None

_FILES = (
    "problem.resolved.yaml", "solution.nc", "solution.vtu", "solution.xdmf", "reference.nc", "report.html",
    "metrics.json", "log.jsonl",
)
_LOCK = ".pinnkit.lock"  # stays behind, and so also tells a run's folder in its first and last moments
_METADATA, _DIGEST = "__metadata__", "__sha256__"
_GENERATIONS = 2


class RunDirectoryError(RuntimeError):
    """A folder that cannot hold a run, is in use, or whose checkpoints are all damaged."""


@dataclass(frozen=True)
class Checkpoint:
    """What a run needs to go on: named arrays and JSON metadata; ``warnings`` name damaged newer files."""

    arrays: dict[str, np.ndarray]
    metadata: dict[str, Any]
    warnings: tuple[str, ...] = ()


class RunDirectory:
    """The files of one run under fixed names.

    ``problem.resolved.yaml``, ``solution.nc``, ``solution.vtu`` (and ``solution.xdmf``), ``reference.nc``,
    ``report.html``, ``metrics.json``, ``checkpoint/`` and ``log.jsonl``. Every file is replaced at once, so
    a kill or a full disk at any moment leaves the last good one.

    ``create=True`` makes the folder where it is missing and refuses one that holds something else.
    Raises ``RunDirectoryError``, and ``StorageError`` where a write fails.
    """

    def __init__(self, path: str | Path, create: bool = True):
        self.path = Path(path)
        if create:
            self._prepare()
        elif not self._is_run():
            raise RunDirectoryError(
                f"{self.path} is no run directory: it holds no problem.resolved.yaml; "
                "name the folder that `pinnkit solve` wrote"
            )
        self.problem = self.path / "problem.resolved.yaml"
        self.solution = self.path / "solution.nc"
        self.mesh = self.path / "solution.vtu"
        self.series = self.path / "solution.xdmf"
        self.reference = self.path / "reference.nc"
        self.report = self.path / "report.html"
        self.metrics = self.path / "metrics.json"
        self.log = self.path / "log.jsonl"
        self.checkpoint = self.path / "checkpoint"

    def __repr__(self) -> str:
        return f"RunDirectory({str(self.path)!r})"

    def _is_run(self) -> bool:
        return any((self.path / name).is_file() for name in ("problem.resolved.yaml", "log.jsonl"))

    def _prepare(self) -> None:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except FileExistsError as cause:
            raise RunDirectoryError(f"{self.path} is a file; give a folder with --out") from cause
        except OSError as cause:
            raise storage_error(self.path, cause) from cause
        others = [p.name for p in self.path.iterdir() if not is_temporary(p)]
        if others and not self._is_run() and _LOCK not in others:
            shown = ", ".join(sorted(others)[:3]) + (", …" if len(others) > 3 else "")
            raise RunDirectoryError(
                f"{self.path} holds something other than a run ({shown}) and was left untouched; "
                "give a new or empty folder with --out"
            )

    def clear(self) -> None:
        """Remove the files of an earlier run, and nothing else."""
        for path in [*(self.path / name for name in _FILES), *self._generations()]:
            path.unlink(missing_ok=True)
        for folder in (self.path, self.checkpoint):
            for path in folder.iterdir() if folder.is_dir() else ():
                if is_temporary(path):
                    path.unlink(missing_ok=True)

    # -- one run at a time ---------------------------------------------------------------------------------

    @contextmanager
    def locked(self) -> Iterator[RunDirectory]:
        """Hold the folder for this process; raises ``RunDirectoryError`` naming the process that has it.

        The lock is the kernel's, so that it ends with its process however that ends: a lock file whose
        process is gone does not stop the next run.
        """
        try:
            handle = os.open(self.path / _LOCK, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as cause:
            raise storage_error(self.path / _LOCK, cause) from cause
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as cause:
                    holder = os.read(handle, 32).decode("ascii", "replace").strip() or "unknown"
                    raise RunDirectoryError(
                        f"{self.path} is in use by another run (process {holder}); "
                        "wait for it to end or give another folder with --out"
                    ) from cause
            os.ftruncate(handle, 0)
            os.write(handle, f"{os.getpid()}\n".encode("ascii"))
            yield self
        finally:
            os.close(handle)

    # -- log and metrics -----------------------------------------------------------------------------------

    def append_log(self, entry: Mapping[str, Any]) -> None:
        """Append one line to ``log.jsonl`` and flush it; a line torn by a kill is closed off first."""
        line = json.dumps(plain(entry), ensure_ascii=False, allow_nan=False)
        try:
            with open(self.log, "ab+") as stream:
                if stream.tell() and not self._ends_in_newline(stream):
                    line = "\n" + line
                stream.write(line.encode("utf-8") + b"\n")
                stream.flush()
        except OSError as cause:
            raise storage_error(self.log, cause) from cause

    @staticmethod
    def _ends_in_newline(stream: io.BufferedRandom) -> bool:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) == b"\n"

    def read_log(self) -> list[dict[str, Any]]:
        """Entries of ``log.jsonl`` in order; torn lines are passed over."""
        entries: list[dict[str, Any]] = []
        if self.log.is_file():
            for line in self.log.read_bytes().splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict):
                    entries.append(entry)
        return entries

    def write_metrics(self, metrics: Mapping[str, Any]) -> None:
        """Write ``metrics.json``; what is not finite stands there as null."""
        text = json.dumps(plain(metrics), indent=2, ensure_ascii=False, allow_nan=False)
        write_text(self.metrics, text + "\n")

    def read_metrics(self) -> dict[str, Any]:
        """The content of ``metrics.json``."""
        return json.loads(self.metrics.read_text(encoding="utf-8"))

    # -- checkpoints ---------------------------------------------------------------------------------------

    def _generations(self) -> list[Path]:
        """Checkpoint files, oldest first."""
        return sorted(self.checkpoint.glob("[0-9]*.npz")) if self.checkpoint.is_dir() else []

    @property
    def has_checkpoint(self) -> bool:
        """Whether there is something to go on from."""
        return bool(self._generations())

    def save_checkpoint(self, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, Any]) -> None:
        """Save arrays and JSON metadata as the newest of two generations, with a SHA-256 over both.

        Arrays come back bit for bit. Raises ``StorageError``, the generations before being kept.
        """
        named = {name: np.asarray(array) for name, array in arrays.items()}
        for name, array in named.items():
            if name in (_METADATA, _DIGEST) or array.dtype.hasobject:
                raise ValueError(f"checkpoint array {name!r} of type {array.dtype} cannot be saved")
        text = json.dumps(metadata, default=plain, ensure_ascii=False).encode("utf-8")
        buffer = io.BytesIO()
        extra = {_METADATA: text, _DIGEST: _digest(named, text)}
        encoded = {name: np.frombuffer(data, np.uint8) for name, data in extra.items()}
        np.savez(buffer, allow_pickle=False, **named, **encoded)
        earlier = self._generations()
        number = int(earlier[-1].stem) + 1 if earlier else 1
        try:
            self.checkpoint.mkdir(exist_ok=True)
        except OSError as cause:
            raise storage_error(self.checkpoint, cause) from cause
        write_bytes(self.checkpoint / f"{number:08d}.npz", buffer.getbuffer())
        for old in earlier[: len(earlier) - _GENERATIONS + 1]:
            old.unlink(missing_ok=True)

    def load_checkpoint(self) -> Checkpoint | None:
        """The newest checkpoint that is whole, or None where none was ever saved.

        Raises ``RunDirectoryError`` where there are files but none is whole.
        """
        warnings: list[str] = []
        for path in reversed(self._generations()):
            try:
                arrays, metadata = _read_checkpoint(path)
            except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as cause:
                warnings.append(f"checkpoint {path.name} is damaged ({cause}) and was passed over")
                continue
            return Checkpoint(arrays, metadata, tuple(warnings))
        if warnings:
            raise RunDirectoryError(
                f"no checkpoint in {self.checkpoint} is whole: {'; '.join(warnings)}; "
                "start again without --resume"
            )
        return None


def _read_checkpoint(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    text, digest = arrays.pop(_METADATA).tobytes(), arrays.pop(_DIGEST).tobytes()
    if _digest(arrays, text) != digest:
        raise ValueError("its SHA-256 does not match")
    return arrays, json.loads(text)


def _digest(arrays: Mapping[str, np.ndarray], metadata: bytes) -> bytes:
    total = hashlib.sha256(metadata)
    for name in sorted(arrays):
        array = arrays[name]
        total.update(f"{name}|{array.dtype.str}|{array.shape}|".encode())
        total.update(array.tobytes())
    return total.digest()


def plain(value: Any) -> Any:
    """A value as JSON holds it: NumPy numbers and arrays as numbers and lists, non-finite numbers as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (bool, int, str)):
        return value
    return str(value)
