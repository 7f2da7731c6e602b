"""Test functions of the whole domain: a smooth distance to its boundary times Legendre polynomials.

v = φ(x)·Π P_n(x_i), scaled to the domain's bounding box, with φ zero on the boundary, or on all of it but
one named part whose natural data the tests are to feel. On a box φ is the product of the distances to its
sides, and the v span what P_{n+1} − P_{n−1} do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product as grid

import jax.numpy as jnp
import numpy as np

from ..fields.derivatives import Index, closure, differentiate
from ..fields.distance import piece_distance
from ..fields.implicit import ScalarField
from ..geometry.boundary_quadrature import boundary_quadrature
from ..geometry.quadrature import domain_quadrature
from ..geometry.shapes import BOUNDARY, Shape
from .buckets import Bucket, Part, TimeCells
from .cells import MappedPoints
from .contraction import Tables
from .expansion import Expansion, constant, coordinate, jacobi, product
from .gram import Norm, gram, pruned_whitening
from .test_functions import TestTable

_CHUNK = 4096


class GlobalTests:
    """Buckets of one cell, the domain: ``order`` polynomials an axis, about ``points`` quadrature points.

    Raises ``NoDistance`` for boundaries without a smooth distance function (mesh files).
    """

    def __init__(self, shape: Shape, order: int, points: int, time: TimeCells | None, third: bool):
        self._shape, self._order, self._time, self._third = shape, order, time, third
        self._points = points
        self._whole = piece_distance(shape, shape.pieces())
        self._inside = _mapped(*domain_quadrature(shape, points))

    def interior(self, norms: Sequence[Norm]) -> list[Bucket]:
        """Tests that vanish on the whole boundary."""
        return [self._bucket(None, norms)]

    def boundary(self, where: str, norms: Sequence[Norm]) -> list[Bucket]:
        """Tests that vanish on the boundary elsewhere."""
        return [self._bucket(where, norms)]

    def _bucket(self, where: str | None, norms: Sequence[Norm]) -> Bucket:
        others = [p for p in self._shape.pieces() if p.name != where]
        distance = self._whole if where is None else piece_distance(self._shape, others)
        inside, table = self._part(self._inside, distance)
        own = table if self._time is None else self._time.tables(table)
        matrices = {
            norm: pruned_whitening(gram(own, inside.mapped, norm)) for norm in dict.fromkeys(norms)
        }
        natural = None if where is None else self._part(self._on(where), distance)[0]
        around = self._part(self._on(BOUNDARY), distance)[0] if self._third else None
        times = np.zeros(1) if self._time is None else self._time.slabs.mean(axis=1)
        return Bucket("the domain", inside, natural, around, matrices, times)

    def _on(self, where: str) -> MappedPoints:
        points, normals, weights = boundary_quadrature(self._shape, where, self._points)
        return replace(_mapped(points, weights), normals=normals[None])

    def _part(self, mapped: MappedPoints, distance: ScalarField) -> tuple[Part, TestTable]:
        table = self._table(mapped.points[0], distance)
        over = table if self._time is None else self._time.tables(table)
        whole = mapped if self._time is None else self._time.cells(mapped)
        return Part(whole, Tables.of(over, self._third), True), table

    def _table(self, x: np.ndarray, distance: ScalarField) -> TestTable:
        lower, upper = self._shape.bounds
        axes = []
        for axis in range(x.shape[1]):
            middle, half = (upper[axis] + lower[axis]) / 2, (upper[axis] - lower[axis]) / 2
            scaled = (coordinate(x, axis) - constant(x, middle)).scaled(1 / half)
            axes.append(jacobi(scaled, constant(x), 0, self._order))
        vanishing = _expanded(distance, x, 2 if self._third else 1)
        return TestTable.of([product([vanishing, *factors]) for factors in grid(*axes)])


def _mapped(points: np.ndarray, weights: np.ndarray) -> MappedPoints:
    """Points of the one cell that is its own reference."""
    count, d = points.shape
    identity = np.broadcast_to(np.eye(d), (1, count, d, d))
    return MappedPoints(points[None], weights[None], identity, None)


def _expanded(function: ScalarField, x: np.ndarray, order: int) -> Expansion:
    """A function of one point at points (q, d), with derivatives up to an order; higher ones zero."""
    q, d = x.shape
    unit = np.eye(d, dtype=int)
    pairs: dict[Index, tuple[int, int]] = {
        tuple(int(k) for k in unit[i] + unit[j]): (i, j) for i in range(d) for j in range(i, d)
    }
    slopes: list[Index] = [tuple(int(k) for k in row) for row in unit]
    wanted = closure(frozenset(pairs if order > 1 else slopes))
    parts = [
        np.asarray(differentiate(function, jnp.asarray(x[start : start + _CHUNK]), wanted))
        for start in range(0, q, _CHUNK)
    ]
    found = dict(zip(wanted, np.concatenate(parts, axis=1), strict=True))
    hessian = np.zeros((q, d, d))
    for index, (i, j) in pairs.items():
        if index in found:
            hessian[:, i, j] = hessian[:, j, i] = found[index]
    return Expansion(found[(0,) * d], np.stack([found[s] for s in slopes], axis=1), hessian)
