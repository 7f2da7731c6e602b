"""Where a field is drawn: a line, a space-time or space plane, or a slice through more dimensions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..declare.problem import Problem
from ..geometry.boxes import Box, Rectangle
from ..solution.dataset import at_time, display_mesh

_LINE, _GRID, _NODES = 801, 161, 8_000


@dataclass(frozen=True)
class Plane:
    """Points (n, d) of a plane through the domain, triangulated and drawn at (``across``, ``up``)."""

    points: np.ndarray
    across: np.ndarray
    up: np.ndarray
    triangles: np.ndarray
    labels: tuple[str, str]
    equal: bool
    note: str = ""

    @property
    def shape(self) -> float:
        """Height over width as drawn."""
        return float(np.ptp(self.up) / np.ptp(self.across)) if self.equal else 0.75

    def at(self, problem: Problem, time: float) -> np.ndarray:
        """The points at a time; those of a space-time plane have their own."""
        whole = self.points.shape[1] == len(problem.variables)
        return self.points if whole else at_time(self.points, problem, time)

    def mean(self, values: np.ndarray) -> float:
        """The area-weighted mean of nodal values, triangles with an unknown value left out."""
        x, y = self.across[self.triangles], self.up[self.triangles]
        area = np.abs((x[:, 1] - x[:, 0]) * (y[:, 2] - y[:, 0]) - (x[:, 2] - x[:, 0]) * (y[:, 1] - y[:, 0]))
        average = values[self.triangles].mean(axis=1)
        known = np.isfinite(average)
        return float(np.average(average[known], weights=area[known])) if known.any() else 0.0


def line(problem: Problem) -> np.ndarray:
    """Ordered points (n, 1) along a one-dimensional domain."""
    return np.linspace(problem.lower[0], problem.upper[0], _LINE)[:, None]


def plane(problem: Problem) -> Plane:
    """The plane to draw on, for all but steady problems in one dimension.

    One space dimension: space-time. Two: the domain. More: the slice through the middle of the others.
    """
    names = [v.name for v in problem.variables]
    dimension = len(problem.coordinates)
    if dimension == 2 and not isinstance(problem.domain, (Rectangle, Box)):
        nodes, triangles, _ = display_mesh(problem, _NODES)
        return Plane(nodes, nodes[:, 0], nodes[:, 1], triangles, (names[0], names[1]), equal=True)
    low, high = problem.lower, problem.upper
    first, second = np.meshgrid(
        np.linspace(low[0], high[0], _LINE if dimension == 1 else _GRID), np.linspace(low[1], high[1], _GRID),
        indexing="ij",
    )
    rest = [(low[i] + high[i]) / 2 for i in range(2, dimension)]
    points = np.column_stack([first.ravel(), second.ravel(), *(np.full(first.size, value) for value in rest)])
    inside = problem.domain.contains(points[:, :dimension], tolerance=1e-9 * float(np.ptp(first)))
    triangles = _triangles(first.shape, inside)
    used = np.unique(triangles)
    points, triangles = points[used], np.searchsorted(used, triangles)
    if dimension == 1:  # time runs across, as is the custom for space-time
        return Plane(points, points[:, 1], points[:, 0], triangles, (names[1], names[0]), equal=False)
    note = ", ".join(f"{name} = {value:g}" for name, value in zip(names[2:dimension], rest, strict=True))
    return Plane(points, points[:, 0], points[:, 1], triangles, (names[0], names[1]), equal=True, note=note)


def _triangles(shape: tuple[int, ...], inside: np.ndarray) -> np.ndarray:
    """Triangles of a grid, two to a cell, whose corners are all inside."""
    index = np.arange(shape[0] * shape[1]).reshape(shape)
    a, b, c, d = (part.ravel() for part in (index[:-1, :-1], index[1:, :-1], index[1:, 1:], index[:-1, 1:]))
    triangles = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    return triangles[inside[triangles].all(axis=1)]
