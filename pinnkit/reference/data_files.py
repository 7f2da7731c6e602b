"""Files of reference values, told by their suffix, as one table."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .base import ReferenceUnavailable
from .data_mesh import MeshValues, read_mesh_values
from .elements import Array


@dataclass(frozen=True, eq=False)
class Table:
    """Values at points of space and, where there is time, at ``times``.

    ``axes`` are the grid's coordinates where the points form one, else None and ``points`` (n, d) are
    scattered, or the nodes of ``mesh``. ``values`` name → (times, n), points of a grid in C order; one row
    for steady data. ``stated`` are errors that the file itself names, ``notes`` what was made of it.
    """

    points: Array
    axes: tuple[Array, ...] | None
    times: Array | None
    values: Mapping[str, Array]
    mesh: MeshValues | None = None
    stated: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wanted:
    """What is sought in a ``path``: unknowns ``names`` over the coordinates ``space`` and ``time``.

    ``columns`` maps them to the file's names; ``span`` is the problem's start and end of time.
    """

    path: Path
    space: Sequence[str]
    time: str | None
    span: tuple[float, float] | None
    names: Sequence[str]
    columns: Mapping[str, str]

    def called(self, name: str) -> str:
        """The file's name for a coordinate or unknown."""
        return self.columns.get(name, name).split("[")[0].strip()

    def order(self, name: str) -> tuple[str, ...]:
        """The order of axes in ``columns: {u: "u[t, x]"}``; empty where none is given."""
        text = self.columns.get(name, "")
        return tuple(a.strip() for a in text.split("[")[1].rstrip("] ").split(",")) if "[" in text else ()

    def bad(self, reason: str, mend: str = "") -> ReferenceUnavailable:
        """The complaint that the file does not hold what is sought."""
        return ReferenceUnavailable(f"{self.path}: does not hold the reference", reason=reason, mend=mend)


def read_table(wanted: Wanted) -> Table:
    """Read the values.

    Raises ``ReferenceUnavailable`` naming the file, what is wrong with it and what would do.
    """
    kind = wanted.path.suffix.lower()
    if kind not in _READERS:
        raise ReferenceUnavailable(
            f"{wanted.path}: unknown kind of data {kind!r}",
            reason=f"readable are {', '.join(sorted(_READERS))}",
            mend="convert the file to one of them",
        )
    if not wanted.path.is_file():
        raise ReferenceUnavailable(
            f"{wanted.path}: no such file", mend="check the path in reference: {data: …}"
        )
    try:
        return _READERS[kind](wanted)
    except ReferenceUnavailable:
        raise
    except (OSError, ValueError, KeyError, IndexError, EOFError, TypeError, zipfile.BadZipFile) as cause:
        raise ReferenceUnavailable(
            f"{wanted.path}: cannot be read", reason=str(cause) or type(cause).__name__,
            mend="write the file again; it may be cut off",
        ) from cause  # fmt: skip


def _numpy(wanted: Wanted) -> Table:
    from .data_arrays import read_numpy

    return read_numpy(wanted)


def _matlab(wanted: Wanted) -> Table:
    from .data_arrays import read_matlab

    return read_matlab(wanted)


def _netcdf(wanted: Wanted) -> Table:
    from .data_netcdf import read_netcdf

    return read_netcdf(wanted)


def _text(wanted: Wanted) -> Table:
    from .data_text import read_text

    return read_text(wanted)


def _vtu(wanted: Wanted) -> Table:
    return mesh_table(read_mesh_values(wanted), None)


def mesh_table(mesh: MeshValues, times: Array | None, stated: Mapping[str, float] | None = None) -> Table:
    """Values at the nodes of a mesh."""
    return Table(mesh.nodes, None, times, mesh.at_nodes, mesh, stated or {}, mesh.notes)


_READERS: Mapping[str, Callable[[Wanted], Table]] = {
    ".npz": _numpy, ".mat": _matlab, ".nc": _netcdf, ".vtu": _vtu,
    ".csv": _text, ".dat": _text, ".txt": _text,
}  # fmt: skip
