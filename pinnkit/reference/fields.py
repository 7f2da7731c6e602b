"""A discrete solution: coefficients on a mesh, steady or over time, evaluated anywhere, and its norms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .assembly import IntegrationSet
from .dense_output import Trajectory
from .elements import Array, tabulate
from .locate import Locator
from .mesh import Index
from .spaces import SpaceProduct

_CHUNK = 200_000
# Parts of time that are compared by themselves, and moments in each.
BANDS = 8
_LEVELS_PER_BAND = 5


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
            shapes = tabulate(space.mesh.dimension, space.degree, np.ascontiguousarray(reference.T))[..., 0]
            dofs = space.cell_dofs[cells] + self.product.offsets[k]
            total = np.zeros(len(cells))
            for node in range(self.trajectory.nodes.shape[1]):
                local = self.trajectory.nodes[segment[:, None], node, dofs]
                total += weights[:, node] * np.einsum("cs,sc->c", local, shapes)
            result[name] = total
        return result

    def located(self, points: Array) -> tuple[Index, Array]:
        """Cells and reference coordinates of space points, to evaluate them at many times."""
        return self._locator.locate(points)

    def levels(self, cells: Index, reference: Array, times: Array) -> dict[str, Array]:
        """Values (times, n) of each unknown at located points."""
        states = self.trajectory.at(times) if self.trajectory is not None else self.coefficients[None]
        return {
            name: np.stack(
                [space.evaluate(state[self.product.part(k)], cells, reference) for state in states]
            )
            for k, (name, space) in enumerate(zip(self.names, self.product.spaces, strict=False))
        }


def relative_distances(
    coarse: DiscreteField,
    fine: DiscreteField,
    up_to_constant: Mapping[str, bool],
    span: tuple[float, float] | None,
) -> dict[str, Array]:
    """L2 distance of two solutions in each of ``BANDS`` parts of time, relative to the whole of the finer.

    By quadrature on the finer mesh; a steady solution has one part. An unknown that is known up to a
    constant is compared after its mean is taken out. The root of the sum of squares is the relative L2
    distance over space and time.
    """
    mesh = fine.product.mesh
    degree = min(s.degree for s in fine.product.spaces)
    domain = IntegrationSet.of_cells(mesh, degree + 2)
    cells = np.repeat(domain.cells, domain.points.shape[1])
    reference = np.tile(domain.reference.T, (len(domain.cells), 1))
    weights = domain.weights.ravel()
    times = np.zeros(1)
    if span is not None:
        # Midpoints, so that a mismatch of initial and boundary data at the start is not sampled.
        count = BANDS * _LEVELS_PER_BAND
        times = span[0] + (span[1] - span[0]) * (np.arange(count) + 0.5) / count
    there, local = coarse.located(domain.points.reshape(-1, mesh.dimension))
    before = coarse.levels(there, local, times)
    after = fine.levels(cells, reference, times)
    result = {}
    for name in fine.names:
        a, b = before[name], after[name]
        if up_to_constant.get(name):
            a = a - (a @ weights / weights.sum())[:, None]
            b = b - (b @ weights / weights.sum())[:, None]
        size = float(((b**2) @ weights).sum()) or 1.0
        squares = ((a - b) ** 2) @ weights
        bands = squares.reshape(-1, _LEVELS_PER_BAND).sum(axis=1) if span is not None else squares
        result[name] = np.sqrt(bands / size)
    return result
