"""The reference that is a file of values."""

from __future__ import annotations

import time as clock
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..declare.problem import Problem
from .base import Reference, ReferenceUnavailable
from .data_files import Table, Wanted, read_table
from .data_interpolation import Interpolation, interpolation_error
from .elements import Array

if TYPE_CHECKING:
    import xarray

    from ..solution.quantities import Estimate


# Of the problem's time span, the least part that values at several times must cover.
_LEAST_SPAN = 0.01


@dataclass(frozen=True)
class DataOptions:
    """``file``; ``error``, the data's own relative L2 error where it is known; ``columns`` maps the problem's
    names of coordinates and unknowns to the file's, arrays with their order of axes where that is not told by
    their lengths: ``{u: "usol[x, t]"}``."""

    file: Path
    error: float | None = None
    columns: Mapping[str, str | int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DataReference(Reference):
    """Values at the data's own ``points`` (n, d) with quadrature ``weights`` (n,); elsewhere interpolated."""

    problem: Problem
    table: Table
    error_bar: Mapping[str, float]
    interpolation_error: Mapping[str, float]
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
        if self.table.mesh is not None:
            space = self.table.mesh.weights
        elif self.table.axes is not None:
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
        return {n: self._interpolation.evaluate(n, points) for n in self.names}

    @cached_property
    def _interpolation(self) -> Interpolation:
        return Interpolation(self.table)

    @property
    def error_elsewhere(self) -> dict[str, float]:
        """The error bar away from the data's own points: theirs and that of interpolation together."""
        return {n: float(np.hypot(self.error_bar[n], self.interpolation_error[n])) for n in self.names}

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


def data_reference(problem: Problem, options: DataOptions) -> DataReference:
    """Read a file of values over the problem's coordinates.

    Raises ``ReferenceUnavailable`` where the file is missing, damaged or does not fit the problem.
    """
    began = clock.perf_counter()
    time = problem.time
    table = read_table(
        Wanted(
            Path(options.file),
            [str(c) for c in problem.coordinates],
            str(time) if time is not None else None,
            (time.start, time.end) if time is not None else None,
            [f.func.__name__ for f in problem.unknowns],
            {name: str(column) for name, column in options.columns.items()},
        )
    )
    _check_values(options.file, table)
    _check_places(options.file, table, problem)
    _check_times(options.file, table, problem)
    between = {n: interpolation_error(table, n) for n in table.values}
    notes = [
        f"data from {Path(options.file).name}, {len(table.points)} points"
        + (f" at {len(table.times)} times" if table.times is not None else ""),
        *table.notes,
        _off_points(between),
    ]
    stated = {n: options.error if options.error is not None else table.stated.get(n) for n in table.values}
    if any(bar is None for bar in stated.values()):
        notes.append("no error is stated for these data; the comparison cannot say when they are the limit")
    bars = {n: bar or 0.0 for n, bar in stated.items()}
    return DataReference(problem, table, bars, between, tuple(notes), clock.perf_counter() - began)


def _off_points(between: Mapping[str, float]) -> str:
    if not any(between.values()):
        return "at any point the values are those of the finite elements that wrote them"
    unknown = [n for n, error in between.items() if not np.isfinite(error)]
    sizes = ", ".join(f"{n} {error:.1e}" for n, error in between.items() if n not in unknown)
    told = f"off by an estimated {sizes} (relative L2)" if sizes else ""
    told += (
        f"{'; ' if told else ''}too few points to tell how far off for {', '.join(unknown)}"
        if unknown
        else ""
    )
    return f"compared at the data's own points, where nothing is interpolated; between them {told}"


def _check_values(file: Path, table: Table) -> None:
    for name, values in table.values.items():
        if not np.isfinite(values).all():
            raise ReferenceUnavailable(
                f"{file}: {name} holds {np.sum(~np.isfinite(values))} values that are not finite",
                mend="remove those points from the file",
            )
    coordinates = [table.points, *([table.times] if table.times is not None else [])]
    if not all(np.isfinite(c).all() for c in coordinates):
        raise ReferenceUnavailable(
            f"{file}: its coordinates are not all finite", mend="remove those points from the file"
        )
    steps = [("an axis", np.diff(a)) for a in table.axes or ()]
    if table.times is not None:
        steps.append(("time", np.diff(table.times)))
    for what, step in steps:
        if not ((step > 0).all() or ((step < 0).all() and what != "time")):
            raise ReferenceUnavailable(
                f"{file}: {what} does not increase from point to point", mend="sort the values along it"
            )


def _check_places(file: Path, table: Table, problem: Problem) -> None:
    extent = np.subtract(problem.upper, problem.lower)[: len(problem.coordinates)].max()
    outside = ~problem.domain.contains(table.points, tolerance=1e-3 * extent)
    if outside.any():
        where = ", ".join(f"{c:g}" for c in table.points[np.flatnonzero(outside)[0]])
        raise ReferenceUnavailable(
            f"{file}: {int(outside.sum())} of {len(outside)} points lie outside the domain",
            reason=f"the first is ({where})",
            mend="check the order of the columns, the units and the domain",
        )


def _check_times(file: Path, table: Table, problem: Problem) -> None:
    """Times within the problem's, and not in a corner of them, which other units would make."""
    time = problem.time
    if table.times is None or time is None:
        return
    low, high, span = table.times[0], table.times[-1], time.end - time.start
    beyond = (table.times < time.start - 1e-6 * span) | (table.times > time.end + 1e-6 * span)
    short = len(table.times) > 1 and high - low < _LEAST_SPAN * span
    if beyond.any() or short:
        raise ReferenceUnavailable(
            f"{file}: its times run from {low:g} to {high:g} where the problem's run from {time.start:g} to "
            f"{time.end:g}",
            reason=f"{int(beyond.sum())} of {len(table.times)} lie beyond" if beyond.any() else "",
            mend="give them in the problem's units, and leave out those beyond",
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
