"""Where on its mesh a solution is badly resolved, told from the solution alone."""

from __future__ import annotations

from functools import cache

import numpy as np

from .elements import Array, quadrature, tabulate
from .fields import DiscreteField
from .spaces import Space

_TIMES = 33
# Cells within this part of the domain's extent of a point show how a solution behaves there: at least so
# many, spread over distances that differ by at least this factor.
_NEAR, _FEWEST, _SPAN = 0.05, 12, 5.0
# Unknowns this much smaller than the largest are zero to rounding.
_ZERO = 1e-12
# Unknowns this much smaller than the largest, and to this part of the highest degree, are the error of zero.
_SMALL, _NOISE = 1e-2, 0.4


@cache
def content_matrix(dimension: int, degree: int, below: int) -> Array:
    """G (shapes, shapes) with cᵀGc the squared L2 norm of what degree ``below`` misses, for measure 1.

    c are coefficients of a polynomial of ``degree``; missed is its part orthogonal to the lower degree.
    """
    points, weights = quadrature(dimension, 2 * degree)
    weights = weights / weights.sum()
    whole = tabulate(dimension, degree, points)[..., 0].T
    part = tabulate(dimension, below, points)[..., 0].T if below else np.ones((len(weights), 1))
    root = np.sqrt(weights)[:, None]
    missed = root * whole
    missed = missed - root * part @ np.linalg.lstsq(root * part, missed, rcond=None)[0]
    return missed.T @ missed


def contents(
    solution: DiscreteField, lengths: Array, left_out: frozenset[str] = frozenset()
) -> tuple[Array, Array]:
    """What the highest degree adds in each cell (m,), and by which factor (m,) less than the degree before.

    That part is what the solution of one degree less lacks there, whatever the equations. It is measured by
    the square of its L2 norm times ``lengths``^{-1/2} (m,), which lies between the L2 norm and the energy,
    relative to the unknown's L2 norm; the worst over times and the unknowns not ``left_out``. The factor is
    small where the solution is smooth on the scale of the cell.
    """
    product, states = solution.product, _states(solution)
    measures = cell_measures(product.mesh)
    everything = np.arange(len(measures))
    spaces = dict(zip(solution.names, product.spaces, strict=False))
    sizes = [_square(states[:, product.part(k)], s, measures) for k, s in enumerate(spaces.values())]
    shares, decay = np.zeros(len(measures)), np.zeros(len(measures))
    for k, (name, space) in enumerate(spaces.items()):
        if name in left_out or sizes[k] <= _ZERO**2 * max(sizes):
            continue
        own = states[:, product.part(k)]
        last = _squares(own, space, _top(space))
        noise = (last @ measures).max() >= _NOISE**2 * sizes[k]
        if noise and sizes[k] <= _SMALL**2 * max(sizes):
            continue
        when = last.argmax(axis=0)
        last = last[when, everything]
        here = last * measures / (lengths * sizes[k])
        if space.degree > 1:
            two = content_matrix(space.mesh.dimension, space.degree, space.degree - 2)
            before = _squares(own, space, two)[when, everything] - last
            decay = np.where(here > shares, np.sqrt(last / np.maximum(before, 1e-300)), decay)
        shares = np.maximum(shares, here)
    return shares, decay


def unbounded(solution: DiscreteField, points: Array) -> dict[str, float]:
    """Unknowns that grow so fast near one of ``points`` (k, d) that they have no L2 norm, and exponents.

    Past α = −d/2 there is none; α is fitted to the root mean squares of cells that shrink towards the point.
    """
    product, states = solution.product, _states(solution)
    mesh = product.mesh
    middle = np.full((mesh.dimension, 1), 1 / (mesh.dimension + 1))
    centres = mesh.map(np.arange(len(mesh.cells)), middle)[:, 0]
    found: dict[str, float] = {}
    for point in points:
        distance = np.linalg.norm(centres - point, axis=1)
        near = (distance < mesh.extent * _NEAR) & (distance > 2 * distance.min())
        if near.sum() < _FEWEST or np.ptp(np.log(distance[near])) < np.log(_SPAN):
            continue
        for k, (name, space) in enumerate(zip(solution.names, product.spaces, strict=False)):
            amplitude = np.sqrt(_squares(states[:, product.part(k)], space, _mass(space)).max(axis=0))[near]
            if amplitude.min() <= 0:
                continue
            slope = float(np.polyfit(np.log(distance[near]), np.log(amplitude), 1)[0])
            if slope < 0.25 - mesh.dimension / 2:
                found[name] = min(slope, found.get(name, 0.0))
    return found


def cell_measures(mesh) -> Array:
    """Measure (m,) of every cell, by its map's middle."""
    d = mesh.dimension
    middle = np.full((d, 1), 1 / (d + 1))
    everything = np.arange(len(mesh.cells))
    return np.abs(np.linalg.det(mesh.jacobian(everything, middle)))[:, 0] / (1, 1, 2, 6)[d]


def _squares(states: Array, space: Space, matrix: Array) -> Array:
    """cᵀ matrix c (times, m) of every cell's coefficients."""
    local = (state[space.cell_dofs] for state in states)
    return np.stack([np.maximum(((c @ matrix) * c).sum(axis=1), 0.0) for c in local])


def _square(states: Array, space: Space, measures: Array) -> float:
    """The largest squared L2 norm over time."""
    return float((_squares(states, space, _mass(space)) @ measures).max())


def _mass(space: Space) -> Array:
    """∫ φᵢφⱼ on a cell of unit measure."""
    points, weights = quadrature(space.mesh.dimension, 2 * space.degree)
    table = tabulate(space.mesh.dimension, space.degree, points)[..., 0]
    return (table * weights) @ table.T / weights.sum()


def energies(solution: DiscreteField) -> dict[str, float]:
    """What the highest degree adds to each unknown, weighted like first derivatives, over all times."""
    product = solution.product
    mesh = product.mesh
    weights = cell_measures(mesh) / mesh.sizes**2
    states = _states(solution)
    return {
        name: float(np.sqrt((_squares(states[:, product.part(k)], space, _top(space)) @ weights).sum()))
        for k, (name, space) in enumerate(zip(solution.names, product.spaces, strict=False))
    }


def _top(space: Space) -> Array:
    return content_matrix(space.mesh.dimension, space.degree, space.degree - 1)


def _states(solution: DiscreteField) -> Array:
    """Coefficients (times, N) at moments throughout, or the one of a steady solution."""
    if solution.trajectory is None:
        return solution.coefficients[None]
    times = solution.trajectory.times
    return solution.trajectory.at(np.linspace(times[0], times[-1], _TIMES))
