"""A discrete solution: coefficients on a mesh, steady or over time, evaluated anywhere, and its norms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from .dense_output import Trajectory
from .elements import Array, quadrature
from .integration import IntegrationSet
from .locate import Locator
from .mesh import Index
from .spaces import SpaceProduct

_CHUNK = 200_000
# Values that are compared at once, over all times.
_AT_ONCE = 3_000_000
# Parts of time that are compared by themselves, and moments in each.
BANDS = 8
_LEVELS_PER_BAND = 5
# An unknown that two solutions disagree on by this part of its size or more is zero for all they know.
_VANISHING = 0.5


@dataclass(frozen=True, eq=False)
class DiscreteField:
    """The unknowns ``names`` on the first spaces: ``coefficients`` (N,) if steady, else a ``trajectory``."""

    names: tuple[str, ...]
    product: SpaceProduct
    coefficients: Array | None = None
    trajectory: Trajectory | None = None

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.product.mesh)

    def evaluate(self, points: Array) -> dict[str, Array]:
        """Values (n,) of each unknown at ``points`` (n, d), time last where there is time."""
        points = np.asarray(points, float)
        d = self.product.mesh.dimension
        result = {name: np.empty(len(points)) for name in self.names}
        for start in range(0, len(points), _CHUNK):
            some = slice(start, start + _CHUNK)
            cells, reference = self._locator.locate(points[some, :d])
            times = points[some, d] if self.trajectory is not None else None
            for name, values in self._at(cells, reference, times).items():
                result[name][some] = values
        return result

    def _at(self, cells: Index, reference: Array, times: Array | None) -> dict[str, Array]:
        result = {}
        if times is not None:
            segment, weights = self.trajectory.weights(times)
        for k, (name, space) in enumerate(zip(self.names, self.product.spaces, strict=False)):
            if times is None:
                result[name] = space.evaluate(self.coefficients[self.product.part(k)], cells, reference)
                continue
            dofs, shapes = space.tabulate(cells, reference)
            dofs = dofs + self.product.offsets[k]
            total = np.zeros(len(cells))
            for node in range(self.trajectory.nodes.shape[1]):
                local = self.trajectory.nodes[segment[:, None], node, dofs]
                total += weights[:, node] * np.einsum("cs,sc->c", local, shapes)
            result[name] = total
        return result

    def located(self, points: Array, near: Index | None = None) -> tuple[Index, Array]:
        """Cells and reference coordinates of space points, sought from the cells ``near``."""
        return self._locator.locate(points, near)

    def levels(self, cells: Index, reference: Array, times: Array) -> dict[str, Array]:
        """Values (times, n) of each unknown at located points."""
        states = self.trajectory.at(times) if self.trajectory is not None else self.coefficients[None]
        result = {}
        for k, (name, space) in enumerate(zip(self.names, self.product.spaces, strict=False)):
            dofs, shapes = space.tabulate(cells, reference)
            own = states[:, self.product.part(k)]
            result[name] = np.stack([np.einsum("cs,sc->c", state[dofs], shapes) for state in own])
        return result


class Distances(NamedTuple):
    """L2 distances (parts of time,) of two solutions by unknown, relative to its size.

    Those of the ``vanishing`` unknowns, zero within their error, are relative to the largest other unknown.
    """

    relative: dict[str, Array]
    vanishing: frozenset[str]


def relative_distances(
    coarse: DiscreteField,
    fine: DiscreteField,
    up_to_constant: Mapping[str, bool],
    span: tuple[float, float] | None,
) -> Distances:
    """L2 distance of two solutions in each of ``BANDS`` parts of time, relative to the whole of the finer.

    By quadrature on the finer mesh; a steady solution has one part. An unknown that is known up to a
    constant is compared after its mean is taken out. The root of the sum of squares is the relative L2
    distance over space and time.
    """
    times = np.zeros(1)
    if span is not None:
        # Midpoints, so that a mismatch of initial and boundary data at the start is not sampled.
        count = BANDS * _LEVELS_PER_BAND
        times = span[0] + (span[1] - span[0]) * (np.arange(count) + 0.5) / count
    sums = {name: _Sums(len(times)) for name in fine.names}
    for cells, reference, there, local, weights in _paired(coarse, fine, _AT_ONCE // len(times)):
        before, after = coarse.levels(there, local, times), fine.levels(cells, reference, times)
        for name, own in sums.items():
            own.add(before[name], after[name], weights)
    gaps, sizes = {}, {}
    for name, own in sums.items():
        squares, sizes[name] = own.squares(bool(up_to_constant.get(name)))
        gaps[name] = squares.reshape(-1, _LEVELS_PER_BAND).sum(axis=1) if span is not None else squares
    vanishing = frozenset(n for n, size in sizes.items() if gaps[n].sum() >= _VANISHING**2 * size)
    largest = max((size for n, size in sizes.items() if n not in vanishing), default=0.0)
    vanishing = vanishing if largest else frozenset()
    units = {n: largest if n in vanishing else size or 1.0 for n, size in sizes.items()}
    return Distances({n: np.sqrt(gaps[n] / units[n]) for n in sizes}, vanishing)


def _paired(
    coarse: DiscreteField, fine: DiscreteField, most: int
) -> Iterator[tuple[Index, Array, Index, Array, Array]]:
    """Quadrature points of the finer mesh, about ``most`` at once.

    Cells and reference coordinates in the finer mesh, then in the coarser, and weights.
    """
    mesh = fine.product.mesh
    order = min(s.degree for s in fine.product.spaces) + 2
    count = max(1, most // len(quadrature(mesh.dimension, order)[1]))
    for start in range(0, len(mesh.cells), count):
        domain = IntegrationSet.of_cells(mesh, order, np.arange(start, min(start + count, len(mesh.cells))))
        per_cell = domain.weights.shape[1]
        centres = mesh.map(domain.cells, np.full((mesh.dimension, 1), 1 / (mesh.dimension + 1)))[:, 0]
        # All points of a finer cell lie in one coarser cell, or next to it.
        near = np.repeat(coarse.located(centres)[0], per_cell)
        there, local = coarse.located(domain.points.reshape(-1, mesh.dimension), near)
        cells, reference = np.repeat(domain.cells, per_cell), np.tile(domain.reference.T, (len(centres), 1))
        yield cells, reference, there, local, domain.weights.ravel()


class _Sums:
    """Integrals (times,) of a function and of its distance to another, and of their squares."""

    def __init__(self, times: int):
        self._measure = 0.0
        self._size, self._sizes, self._gap, self._gaps = np.zeros((4, times))

    def add(self, before: Array, after: Array, weights: Array) -> None:
        """Adds values (times, n) of both at quadrature points."""
        gap = before - after
        self._measure += weights.sum()
        self._size += after @ weights
        self._sizes += after**2 @ weights
        self._gap += gap @ weights
        self._gaps += gap**2 @ weights

    def squares(self, up_to_constant: bool) -> tuple[Array, float]:
        """Squared distances (times,) and squared size over all times, means taken out where asked."""
        gaps, sizes = self._gaps, self._sizes
        if up_to_constant:
            gaps = np.maximum(gaps - self._gap**2 / self._measure, 0.0)
            sizes = sizes - self._size**2 / self._measure
        return gaps, max(float(sizes.sum()), 0.0)
