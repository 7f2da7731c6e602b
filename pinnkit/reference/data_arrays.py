"""Reference values in named arrays: NumPy archives and MATLAB files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np

from .data_files import Table, Wanted
from .elements import Array


def read_numpy(wanted: Wanted) -> Table:
    """A ``.npz`` archive."""
    with np.load(wanted.path, allow_pickle=False) as archive:
        return from_arrays(wanted, {k: archive[k] for k in archive.files})


def read_matlab(wanted: Wanted) -> Table:
    """A ``.mat`` file, version 5 or, since it is HDF5, 7.3; structures and cells in it are passed over."""
    from scipy.io import loadmat
    from scipy.io.matlab import MatReadError

    with open(wanted.path, "rb") as stream:
        version = stream.read(128)
    if not version.startswith(b"MATLAB 7.3"):
        try:
            found = loadmat(wanted.path)
        except (MatReadError, NotImplementedError) as cause:
            raise ValueError(f"no MATLAB file of version 5 or 7.3 ({cause})") from cause
    else:
        import h5py

        with h5py.File(wanted.path) as file:
            # HDF5 counts axes from the other end.
            found = {k: v[()].T for k, v in file.items() if isinstance(v, h5py.Dataset)}
    numeric = {k: v for k, v in found.items() if isinstance(v, np.ndarray) and v.dtype.kind in "fiub"}
    return from_arrays(wanted, numeric)


def from_arrays(wanted: Wanted, arrays: Mapping[str, Array]) -> Table:
    """Coordinates as arrays of their own or joined (``xy``); values over them and time in any order of axes.

    The order is told from the lengths of the axes. Where two are equally long it is not, and ``columns``
    must name it: ``{u: "u[t, x]"}``.
    """
    space, time, names = wanted.space, wanted.time, wanted.names
    times = np.atleast_1d(_pick(wanted, arrays, time)).ravel() if time else None
    values = {n: _pick(wanted, arrays, n) for n in names}
    joined = wanted.called("".join(space))
    lead = {} if times is None else {str(time): len(times)}
    if len(space) > 1 and joined in arrays:
        points = np.asarray(arrays[joined], float)
        points = points.T if points.shape[0] == len(space) != points.shape[-1] else points
        points = points.reshape(-1, len(space))
        return Table(points, None, times, _over(wanted, values, lead | {"points": len(points)}))
    axes = tuple(_pick(wanted, arrays, s) for s in space)
    shape = axes[0].shape
    if len(space) > 1 and sum(n > 1 for n in shape) > 1 and all(a.shape == shape for a in axes):
        return _meshgrid(wanted, axes, times, values)
    axes = tuple(a.ravel() for a in axes)
    lengths = lead | {s: len(a) for s, a in zip(space, axes, strict=True)}
    sizes = {v.size for v in values.values()}
    if sizes == {int(np.prod(list(lengths.values())))}:
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(space))
        return Table(points, axes, times, _over(wanted, values, lengths))
    rows = 1 if times is None else len(times)
    if len({len(a) for a in axes}) == 1 and sizes == {rows * len(axes[0])}:
        points = np.stack(axes, axis=1)
        return Table(points, None, times, _over(wanted, values, lead | {"points": len(points)}))
    shapes = ", ".join(f"{n} {v.shape}" for n, v in values.items())
    given = ", ".join(f"{n} ({k})" for n, k in lengths.items())
    raise wanted.bad(
        f"{shapes} match neither a grid nor points of {given}",
        "name under `columns` the coordinates that belong to the values",
    )


def _meshgrid(
    wanted: Wanted, axes: Sequence[Array], times: Array | None, values: Mapping[str, Array]
) -> Table:
    """Coordinates given at every point, in arrays shaped like the values at one time."""
    shape = axes[0].shape
    points = np.stack([a.ravel() for a in axes], axis=1)
    rows = 1 if times is None else len(times)
    found = {}
    for name, value in values.items():
        if value.shape == (rows, *shape) or (rows == 1 and value.shape == shape):
            found[name] = value.reshape(rows, -1)
        elif value.shape == (*shape, rows):
            found[name] = np.moveaxis(value, -1, 0).reshape(rows, -1)
        else:
            raise wanted.bad(
                f"{name} {value.shape} does not match coordinates of shape {shape} at {rows} times"
            )
    return Table(points, None, times, found)


def _pick(wanted: Wanted, arrays: Mapping[str, Array], name: str) -> Array:
    called = wanted.called(name)
    if called not in arrays:
        raise wanted.bad(
            f"no array {called!r} among {', '.join(sorted(arrays)) or 'none'}",
            f"map it: columns: {{{name}: …}}",
        )
    return np.asarray(arrays[called], float)


def _over(wanted: Wanted, values: Mapping[str, Array], lengths: Mapping[str, int]) -> dict[str, Array]:
    """Values (times, points) with their axes in the order of ``lengths``."""
    rows = lengths.get(str(wanted.time), 1)
    return {n: _ordered(wanted, n, v, lengths).reshape(rows, -1) for n, v in values.items()}


def _ordered(wanted: Wanted, name: str, value: Array, lengths: Mapping[str, int]) -> Array:
    axes = tuple(lengths)
    shape = tuple(lengths.values())
    if value.size != np.prod(shape):
        expected = " × ".join(f"{n} {a}" for a, n in lengths.items())
        raise wanted.bad(f"{name} has {value.size} values for {expected}")
    stated = wanted.order(name)
    if stated:
        if sorted(stated) != sorted(axes):
            raise wanted.bad(
                f"columns: {{{name}: …[{', '.join(stated)}]}} names other axes", f"name {', '.join(axes)}"
            )
        found = value.reshape(tuple(lengths[a] for a in stated))
        return found.transpose([stated.index(a) for a in axes])
    # Axes of length one say nothing, and MATLAB adds them.
    long = tuple(n for n in shape if n > 1)
    plain = value.squeeze()
    if plain.ndim <= 1 and len(long) > 1:
        raise wanted.bad(
            f"{name} is flat, {value.size} values over {', '.join(axes)}: the order is not told",
            f'say which varies slowest: columns: {{{name}: "{wanted.called(name)}[{", ".join(axes)}]"}}',
        )
    orders = [p for p in permutations(range(len(long))) if tuple(long[i] for i in p) == plain.shape]
    if not orders:
        expected = " × ".join(f"{n} {a}" for a, n in lengths.items())
        raise wanted.bad(f"{name} has the shape {value.shape} where {expected} are expected, in any order")
    if len(orders) > 1:
        raise wanted.bad(
            f"{name} {value.shape} has axes of one length: which is which is not told",
            f'name their order: columns: {{{name}: "{wanted.called(name)}[{", ".join(axes)}]"}}',
        )
    return plain.transpose(np.argsort(orders[0])).reshape(shape)
