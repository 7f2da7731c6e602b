"""Files of reference values: NumPy archives, CSV, COMSOL/PINNacle text and NetCDF."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .base import ReferenceUnavailable
from .elements import Array

_TEXT = {".csv", ".dat", ".txt"}


@dataclass(frozen=True, eq=False)
class Table:
    """Values at points of space and, where there is time, at ``times``.

    ``axes`` are the grid's coordinates where the points form one, else None and ``points`` (n, d) are
    scattered. ``values`` name → (times, n), points of a grid in C order; one row for steady data.
    """

    points: Array
    axes: tuple[Array, ...] | None
    times: Array | None
    values: Mapping[str, Array]


def read_table(
    path: Path,
    space: Sequence[str],
    time: str | None,
    span: tuple[float, float] | None,
    names: Sequence[str],
    columns: Mapping[str, str],
) -> Table:
    """Read ``names`` over the coordinates ``space`` and ``time``; ``columns`` maps them to the file's names.

    Raises ``ReferenceUnavailable`` naming the file, what is wrong with it and what would do.
    """
    path = Path(path)
    kind = path.suffix.lower()
    try:
        if kind == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                arrays = {k: archive[k] for k in archive.files}
            return _from_arrays(path, arrays, space, time, names, columns)
        if kind == ".nc":
            return _from_netcdf(path, space, time, names, columns)
        if kind in _TEXT:
            return _from_text(path, space, time, span, names, columns)
    except FileNotFoundError:
        raise ReferenceUnavailable(
            f"{path}: no such file", mend="check the path in reference: {data: …}"
        ) from None
    except (OSError, ValueError, zipfile.BadZipFile, KeyError) as cause:
        if isinstance(cause, ReferenceUnavailable):
            raise
        raise ReferenceUnavailable(f"{path}: cannot be read", reason=str(cause)) from cause
    raise ReferenceUnavailable(
        f"{path}: unknown kind of data {kind!r}",
        reason="readable are .npz, .nc, .csv, .dat and .txt",
        mend="convert the file to one of them",
    )


def _bad(path: Path, reason: str, mend: str = "") -> ReferenceUnavailable:
    return ReferenceUnavailable(f"{path}: does not hold the reference", reason=reason, mend=mend)


def _pick(path: Path, arrays: Mapping[str, Array], name: str, columns: Mapping[str, str]) -> Array:
    wanted = columns.get(name, name)
    if wanted not in arrays:
        raise _bad(
            path, f"no array {wanted!r} among {', '.join(sorted(arrays))}", f"map it: columns: {{{name}: …}}"
        )
    return np.asarray(arrays[wanted], float)


def _from_arrays(path, arrays, space, time, names, columns) -> Table:
    """Coordinates as arrays of their own or joined (``xy``); values [t, point], [t, x, y] or without t."""
    times = np.atleast_1d(_pick(path, arrays, time, columns)).ravel() if time else None
    joined = columns.get("".join(space), "".join(space))
    values = {n: _pick(path, arrays, n, columns) for n in names}
    rows = 1 if times is None else len(times)
    if len(space) > 1 and joined in arrays:
        points = np.asarray(arrays[joined], float).reshape(-1, len(space))
        axes = None
    else:
        axes = tuple(_pick(path, arrays, s, columns).ravel() for s in space)
        size = next(iter(values.values())).size
        if np.prod([len(a) for a in axes]) * rows == size:
            points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(space))
        elif len({len(a) for a in axes}) == 1 and len(axes[0]) * rows == size:
            points, axes = np.stack(axes, axis=1), None
        else:
            shapes = ", ".join(f"{n} {v.shape}" for n, v in values.items())
            raise _bad(path, f"{shapes} match neither a grid nor points of {', '.join(space)}")
    shaped = {}
    for name, value in values.items():
        if value.size != rows * len(points):
            raise _bad(path, f"{name} has {value.size} values for {len(points)} points and {rows} times")
        value = np.squeeze(value)
        # Values over (space, time) instead of (time, space) are told by their first axis.
        if rows > 1 and value.shape[0] != rows and value.shape[-1] == rows:
            value = np.moveaxis(value, -1, 0)
        shaped[name] = value.reshape(rows, len(points))
    return Table(points, axes, times, shaped)


def _from_netcdf(path, space, time, names, columns) -> Table:
    import xarray

    with xarray.open_dataset(path, engine="h5netcdf") as file:
        data = file.load()
    arrays = {str(k): v for k, v in data.variables.items()}
    order = [columns.get(c, c) for c in (*([time] if time else []), *space)]
    values = {}
    for name in names:
        wanted = columns.get(name, name)
        if wanted not in arrays:
            raise _bad(path, f"no variable {wanted!r}", f"map it: columns: {{{name}: …}}")
        array = arrays[wanted]
        present = [d for d in order if d in array.dims]
        rest = [d for d in array.dims if d not in present]
        clock = [d for d in present if time and d == order[0]]
        values[name] = array.transpose(*clock, *[d for d in present if d not in clock], *rest).values
    coordinates = {
        c: arrays[columns.get(c, c)].values
        for c in (*space, *([time] if time else []))
        if columns.get(c, c) in arrays
    }
    return _from_arrays(path, {**coordinates, **values}, space, time, names, {})


def _from_text(path, space, time, span, names, columns) -> Table:
    """A table with one row a point: coordinates, then values, for several times side by side.

    A COMSOL header (lines of ``%``) names the columns in its last line; a CSV may name them in its first.
    """
    with open(path, encoding="utf-8", errors="replace") as stream:
        lines = [line.strip() for line in stream if line.strip()]
    header = [line for line in lines if line.startswith(("%", "#"))]
    body = [line for line in lines if not line.startswith(("%", "#"))]
    split = "," if body and "," in body[0] else None
    titles: list[str] = []
    if header:
        titles = re.split(r"\s{2,}", header[-1].lstrip("%# ").strip())
    elif body and not _is_number(body[0].split(split)[0]):
        titles = [t.strip() for t in body.pop(0).split(split)]
    try:
        table = np.array([[float(v) for v in line.split(split)] for line in body])
    except ValueError as cause:
        raise _bad(path, f"a row is not made of equally many numbers ({cause})") from None
    if table.ndim != 2 or not table.size:
        raise _bad(path, "it holds no rows of numbers")
    plain = [re.split(r"[\s(@]", t)[0].lower() for t in titles]
    long_form = time is not None and columns.get(time, time).lower() in plain
    wanted = [*space, *([time] if long_form else []), *names]
    if (
        len(titles) == table.shape[1]
        and all(columns.get(n, n).lower() in plain for n in wanted)
        and len(set(plain)) == len(plain)
    ):
        arrays = {n: table[:, plain.index(columns.get(n, n).lower())] for n in wanted}
        return (
            _long(arrays, space, time, names)
            if long_form
            else _from_arrays(path, arrays, space, None, names, {})
        )
    if titles and not header:
        missing = [title for title in (columns.get(n, n) for n in wanted) if title.lower() not in plain]
        if missing:
            raise _bad(
                path,
                f"its columns are called {', '.join(titles)}; there is no {', '.join(missing)}",
                "name the columns under `columns`, unknown or coordinate: title",
            )
    d = len(space)
    steps, odd = divmod(table.shape[1] - d, len(names))
    if odd or steps < 1 or (time is None and steps != 1):
        expected = f"{d} coordinates and {len(names)} values" + (" for each time" if time else "")
        raise _bad(path, f"{table.shape[1]} columns where {expected} are expected")
    stamps = [m.group(1) for t in titles if (m := re.search(r"\bt\s*=\s*([-+.\deE]+)", t))]
    times = None
    if time is not None:
        times = (
            np.array([float(s) for s in stamps[:: len(names)]])
            if len(stamps) == steps * len(names)
            else np.linspace(*span, steps)
        )
    block = table[:, d:].reshape(len(table), steps, len(names))
    return Table(table[:, :d], None, times, {n: block[:, :, i].T.copy() for i, n in enumerate(names)})


def _long(arrays: Mapping[str, Array], space, time, names) -> Table:
    """Rows (x, t, u) in any order, the same points at every time."""
    times = np.unique(arrays[time])
    order = np.lexsort([*(arrays[s] for s in reversed(space)), arrays[time]])
    count = len(order) // len(times)
    if count * len(times) != len(order):
        raise ValueError("the times do not all hold the same points")
    points = np.stack([arrays[s][order[:count]] for s in space], axis=1)
    return Table(points, None, times, {n: arrays[n][order].reshape(len(times), count) for n in names})


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
