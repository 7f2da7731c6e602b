"""Between the points of tabulated values: interpolation, and how far it may be off."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from .data_files import Table
from .elements import Array

# Errors shrink by at least this from points twice as far apart, as far as an estimate may count on.
_LEAST_GAIN = 1.5
# Points of a cloud beyond these add nothing to what is known of its error.
_SAMPLE = 6_000


class Interpolation:
    """Values of a table anywhere.

    Cubic splines on grids; on meshes the cells' own shape functions; between scattered points cubic in the
    plane (Clough & Tocher 1965), linear elsewhere. Between times cubic, by the four nearest.
    """

    def __init__(self, table: Table):
        self.table = table
        self._rows: dict[tuple[str, int], Callable[[Array], Array]] = {}

    @cached_property
    def _axes(self) -> list[Array]:
        times = [self.table.times] if self.table.times is not None else []
        return [a for a in (*times, *(self.table.axes or ())) if len(a) > 1]

    @property
    def method(self) -> str:
        """Between the points of a grid: ``cubic``, or ``linear`` where an axis is too short for that."""
        return "cubic" if min(map(len, self._axes), default=0) > 3 else "linear"

    def evaluate(self, name: str, points: Array) -> Array:
        """Values (n,) at ``points`` (n, d), time last where there is time; NaN beyond the data."""
        table, d = self.table, self.table.points.shape[1]
        if table.axes is not None:
            return self._on_grid(name, points)
        if table.times is None or len(table.times) == 1:
            return self._at(name, [0], points[:, :d])[0]
        result = np.full(len(points), np.nan)
        first, weights = _moments(table.times, points[:, d])
        for start in np.unique(first[first >= 0]):
            here = np.flatnonzero(first == start)
            rows = range(start, start + weights.shape[1])
            result[here] = np.einsum("nk,kn->n", weights[here], self._at(name, rows, points[here, :d]))
        return result

    def _on_grid(self, name: str, points: Array) -> Array:
        table, d = self.table, self.table.points.shape[1]
        assert table.axes is not None
        columns = [points[:, k] for k, a in enumerate(table.axes) if len(a) > 1]
        if table.times is not None and len(table.times) > 1:
            columns.insert(0, points[:, d])
        at = np.stack(columns, axis=1)
        result = self._spline(name)(at)
        ends = [(min(a[0], a[-1]), max(a[0], a[-1])) for a in self._axes]
        reach = [1e-9 * (high - low) for low, high in ends]
        beyond = [(c < low - r) | (c > high + r) for c, (low, high), r in zip(at.T, ends, reach, strict=True)]
        return np.where(np.any(beyond, axis=0), np.nan, result)

    def _spline(self, name: str) -> Callable[[Array], Array]:
        """The tensor product of interpolating splines; SciPy's own for grids solves for it only to 1e-6."""
        from scipy.interpolate import NdBSpline, make_interp_spline

        if (name, -1) not in self._rows:
            coefficients = self.table.values[name].reshape([len(a) for a in self._axes])
            degree, knots = 3 if self.method == "cubic" else 1, []
            for k, axis in enumerate(self._axes):
                step = 1 if axis[-1] > axis[0] else -1
                own = np.moveaxis(coefficients, k, 0)[::step]
                line = make_interp_spline(axis[::step], own, k=degree)
                coefficients = np.moveaxis(line.c, 0, k)
                knots.append(line.t)
            self._rows[name, -1] = NdBSpline(tuple(knots), np.ascontiguousarray(coefficients), degree)
        return self._rows[name, -1]

    def _at(self, name: str, rows: Sequence[int], points: Array) -> Array:
        """Values (rows, n) at points of space."""
        if self.table.mesh is not None:
            return self.table.mesh.evaluate(name, rows, points)
        return np.stack([self._row(name, row)(points) for row in rows])

    def _row(self, name: str, row: int) -> Callable[[Array], Array]:
        from scipy.interpolate import CloughTocher2DInterpolator, LinearNDInterpolator

        if (name, row) not in self._rows:
            points, values = self.table.points, self.table.values[name][row]
            kind = {1: _line, 2: CloughTocher2DInterpolator}.get(points.shape[1], LinearNDInterpolator)
            self._rows[name, row] = kind(points if points.shape[1] == 1 else self._triangulation, values)
        return self._rows[name, row]

    @cached_property
    def _triangulation(self):
        from scipy.spatial import Delaunay

        return Delaunay(self.table.points)


def _line(points: Array, values: Array) -> Callable[[Array], Array]:
    """Linear interpolation between scattered points of a line, NaN beyond them."""
    from scipy.interpolate import interp1d

    between = interp1d(points[:, 0], values, bounds_error=False)
    return lambda at: between(at[:, 0])


def _moments(times: Array, at: Array) -> tuple[Array, Array]:
    """The first of the four rows around each moment, −1 beyond all, and Lagrange's weights (n, rows)."""
    count = min(4, len(times))
    reach = 1e-9 * (times[-1] - times[0])
    first = np.clip(np.searchsorted(times, at, side="right") - count // 2, 0, len(times) - count)
    nodes = times[first[:, None] + np.arange(count)]
    weights = np.ones(nodes.shape)
    for k in range(count):
        for other in range(count):
            if other != k:
                weights[:, k] *= (at - nodes[:, other]) / (nodes[:, k] - nodes[:, other])
    return np.where((at < times[0] - reach) | (at > times[-1] + reach), -1, first), weights


def interpolation_error(table: Table, name: str) -> float:
    """Estimated relative L2 error between the points of the table.

    Points left out are found again from the others, every second of a grid, half of a cloud. Left out twice,
    they show by how much the error shrinks with the distance of points; so much, but no more than the order
    of the interpolation, and little in a cloud, it shrinks once more to what holds between all of them.
    """
    if table.mesh is not None:
        return float(np.hypot(table.mesh.interpolation_error(name), _between_times(table, name)))
    if table.axes is not None:
        gaps = [_left_out_of_grid(table, name, step) for step in (2, 4)]
        best = 2.0**4 if Interpolation(table).method == "cubic" else 2.0**2
    else:
        gaps = [_left_out_of_cloud(table, name, part) for part in (2, 4)]
        best = _LEAST_GAIN
    if not np.isfinite(gaps[0]):
        return float("nan")
    gain = np.clip(gaps[1] / max(gaps[0], 1e-300), _LEAST_GAIN, best)
    space = gaps[0] / (gain if np.isfinite(gain) else _LEAST_GAIN)
    return float(space if table.axes is not None else np.hypot(space, _between_times(table, name)))


def _relative(gap: Array, values: Array) -> float:
    gap = gap[np.isfinite(gap)]
    size = float(np.sqrt(np.mean(values**2))) or 1.0
    return float(np.sqrt(np.mean(gap**2))) / size if gap.size else float("nan")


def _left_out_of_grid(table: Table, name: str, step: int) -> float:
    assert table.axes is not None
    times = [table.times] if table.times is not None else [np.zeros(1)]
    axes = [*times, *table.axes]
    kept = [np.arange(0, len(a), step) if len(a) > 2 * step else np.arange(len(a)) for a in axes]
    cube = table.values[name].reshape([len(a) for a in axes])
    if all(len(k) == len(a) for k, a in zip(kept, axes, strict=True)):
        return float("nan")
    space = tuple(a[k] for a, k in zip(axes[1:], kept[1:], strict=True))
    thin = replace(
        table, axes=space, times=axes[0][kept[0]] if table.times is not None else None,
        values={name: cube[np.ix_(*kept)].reshape(len(kept[0]), -1)},
    )  # fmt: skip
    rng, count = np.random.default_rng(0), min(cube.size, _SAMPLE)
    chosen = np.unravel_index(rng.choice(cube.size, count, replace=False), cube.shape)
    left = np.any([~np.isin(c, k) for c, k in zip(chosen, kept, strict=True)], axis=0)
    places = [a[c[left]] for a, c in zip(axes, chosen, strict=True)]
    points = np.stack([*places[1:], *(places[:1] if table.times is not None else [])], axis=1)
    found = Interpolation(thin).evaluate(name, points)
    return _relative(found - cube[tuple(c[left] for c in chosen)], cube)


def _left_out_of_cloud(table: Table, name: str, part: int) -> float:
    row = int(np.argmax(np.std(table.values[name], axis=1)))
    values, order = table.values[name][row], np.random.default_rng(0).permutation(len(table.points))
    kept, left = np.sort(order[::part]), np.setdiff1d(order, order[::part])[:_SAMPLE]
    if len(kept) < 2 + 2 * table.points.shape[1]:
        return float("nan")
    thin = Table(table.points[kept], None, None, {name: values[None, kept]})
    return _relative(Interpolation(thin).evaluate(name, table.points[left]) - values[left], values)


def _between_times(table: Table, name: str) -> float:
    """The error between times, from every second time found again from the others."""
    values, times = table.values[name], table.times
    if times is None or len(times) < 5:
        return 0.0
    first, weights = _moments(times[::2], times[1::2])
    inside = first >= 0
    rows = (first[:, None] + np.arange(weights.shape[1]))[inside]
    found = np.einsum("mk,mkn->mn", weights[inside], values[::2][rows])
    return _relative(found - values[1::2][inside], values) / _LEAST_GAIN
