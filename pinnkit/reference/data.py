"""The reference that is a file of values."""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..declare.problem import Problem
from .base import Reference, ReferenceUnavailable
from .data_files import Table, read_table
from .elements import Array

if TYPE_CHECKING:
    import xarray

    from ..solution.quantities import Estimate


@dataclass(frozen=True)
class DataOptions:
    """``file``; ``error``, the data's own relative L2 error where it is known; ``columns`` maps the problem's
    names of coordinates and unknowns to the file's."""

    file: Path
    error: float | None = None
    columns: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DataReference(Reference):
    """Values at the data's own ``points`` (n, d) with quadrature ``weights`` (n,); elsewhere interpolated."""

    problem: Problem
    table: Table
    error_bar: Mapping[str, float]
    notes: tuple[str, ...]
    seconds: float
    kind: str = field(default="data", init=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The unknowns that the file holds."""
        return tuple(self.table.values)

    @cached_property
    def points(self) -> Array:
        """All points (n, d), time last: every point of space at the first time, then at the next."""
        if self.table.times is None:
            return self.table.points
        space, times = self.table.points, self.table.times
        return np.column_stack([np.tile(space, (len(times), 1)), np.repeat(times, len(space))])

    @cached_property
    def values(self) -> dict[str, Array]:
        """Values (n,) at ``points``."""
        return {n: v.ravel() for n, v in self.table.values.items()}

    @cached_property
    def weights(self) -> Array:
        """Area (length, volume) times duration that each point stands for (n,)."""
        if self.table.axes is not None:
            space = np.ones(1)
            for axis in self.table.axes:
                space = np.outer(space, _trapezoid(axis)).ravel()
        else:
            space = _cloud_weights(self.table.points, self.problem)
        return space if self.table.times is None else np.outer(_trapezoid(self.table.times), space).ravel()

    def evaluate(self, points: Array) -> dict[str, Array]:
        """Interpolated values (n,): the data themselves at their own points; NaN where they do not reach."""
        points = np.asarray(points, float)
        if points.shape == self.points.shape and np.array_equal(points, self.points):
            return {n: v.copy() for n, v in self.values.items()}
        return {n: self._interpolate(v, points) for n, v in self.table.values.items()}

    def _interpolate(self, values: Array, points: Array) -> Array:
        from scipy.interpolate import (
            CloughTocher2DInterpolator,
            LinearNDInterpolator,
            RegularGridInterpolator,
        )

        table, d = self.table, self.table.points.shape[1]
        if table.axes is not None:
            axes = [*([table.times] if table.times is not None else []), *table.axes]
            columns = points[:, [d, *range(d)]] if table.times is not None else points
            cube = values.reshape([len(a) for a in axes])
            method = "cubic" if min(len(a) for a in axes) > 3 else "linear"
            return RegularGridInterpolator(axes, cube, method=method, bounds_error=False)(columns)
        kind = {1: _line, 2: CloughTocher2DInterpolator}.get(d, LinearNDInterpolator)
        if table.times is None:
            return kind(table.points, values[0])(points)
        position = np.clip(np.searchsorted(table.times, points[:, d]), 1, len(table.times) - 1)
        result = np.empty(len(points))
        for step in np.unique(position):
            rows = np.flatnonzero(position == step)
            ends = kind(table.points, values[step - 1 : step + 1].T)(points[rows, :d])
            start, end = table.times[step - 1 : step + 1]
            share = (points[rows, d] - start) / (end - start)
            result[rows] = (1 - share) * ends[:, 0] + share * ends[:, 1]
        return result

    def _quantities(self) -> dict[str, Estimate]:
        from .quantities import data_quantities

        return data_quantities(self)

    def to_dataset(self) -> xarray.Dataset:
        """The data as they are: over their grid, or over points."""
        import xarray

        space = [str(c) for c in self.problem.coordinates]
        time = [str(self.problem.time)] if self.table.times is not None else []
        coordinates: dict[str, object] = dict(zip(time, [self.table.times], strict=False))
        if self.table.axes is not None:
            dims = [*time, *space]
            coordinates |= dict(zip(space, self.table.axes, strict=True))
        else:
            dims = [*time, "point"]
            coordinates |= {s: ("point", c) for s, c in zip(space, self.table.points.T, strict=True)}
        shape = [len(self.table.times)] if time else []
        shape += (
            [len(a) for a in self.table.axes] if self.table.axes is not None else [len(self.table.points)]
        )
        data = {n: (dims, v.reshape(shape)) for n, v in self.table.values.items()}
        bars = {f"error_bar_{n}": v for n, v in self.error_bar.items()}
        return xarray.Dataset(data, coordinates, {"kind": self.kind, "notes": "\n".join(self.notes), **bars})


def _line(points: Array, values: Array) -> Callable[[Array], Array]:
    """Linear interpolation between scattered points of a line, NaN beyond them."""
    from scipy.interpolate import interp1d

    between = interp1d(points[:, 0], values, axis=0, bounds_error=False)
    return lambda at: between(at[:, 0])


def data_reference(problem: Problem, options: DataOptions) -> DataReference:
    """Read a file of values over the problem's coordinates.

    Raises ``ReferenceUnavailable`` where the file is missing, damaged or does not fit the problem.
    """
    began = clock.perf_counter()
    time = problem.time
    names = [f.func.__name__ for f in problem.unknowns]
    table = read_table(
        Path(options.file),
        [str(c) for c in problem.coordinates],
        str(time) if time is not None else None,
        (time.start, time.end) if time is not None else None,
        names,
        options.columns,
    )
    for name, values in table.values.items():
        if not np.isfinite(values).all():
            raise ReferenceUnavailable(
                f"{options.file}: {name} holds {np.sum(~np.isfinite(values))} values that are not finite",
                mend="remove those points from the file",
            )
    extent = np.subtract(problem.upper, problem.lower)[: len(problem.coordinates)].max()
    outside = ~problem.domain.contains(table.points, tolerance=1e-3 * extent)
    if outside.any():
        where = ", ".join(f"{c:g}" for c in table.points[np.flatnonzero(outside)[0]])
        raise ReferenceUnavailable(
            f"{options.file}: {int(outside.sum())} of {len(outside)} points lie outside the domain",
            reason=f"the first is ({where})",
            mend="check the order of the columns and the domain",
        )
    notes = [
        f"data from {Path(options.file).name}, {len(table.points)} points"
        + (f" at {len(table.times)} times" if table.times is not None else "")
    ]
    if options.error is None:
        notes.append("no error is stated for these data; the comparison cannot say when they are the limit")
    return DataReference(
        problem,
        table,
        dict.fromkeys(table.values, options.error or 0.0),
        tuple(notes),
        clock.perf_counter() - began,
    )


def _trapezoid(axis: Array) -> Array:
    """Weights of the trapezoidal rule on increasing or decreasing points; 1 for a single one."""
    if len(axis) == 1:
        return np.ones(1)
    gaps = np.abs(np.diff(axis))
    return np.concatenate([[gaps[0]], gaps[:-1] + gaps[1:], [gaps[-1]]]) / 2


def _cloud_weights(points: Array, problem: Problem) -> Array:
    """Measure around each scattered point: its share of the Delaunay simplices that lie in the domain."""
    from math import factorial

    from scipy.spatial import Delaunay

    n, d = points.shape
    if d == 1:
        order = np.argsort(points[:, 0])
        weights = np.empty(n)
        weights[order] = _trapezoid(points[order, 0])
        return weights
    simplices = Delaunay(points).simplices
    corners = points[simplices]
    inside = problem.domain.contains(corners.mean(axis=1))
    volume = np.abs(np.linalg.det(corners[:, 1:] - corners[:, :1])) / factorial(d) * inside
    return np.bincount(simplices.ravel(), np.repeat(volume / (d + 1), d + 1), minlength=n)
