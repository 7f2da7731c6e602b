"""Fields to be inferred as tensor-product cubic B-splines over the space of a box."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.interpolate import BSpline

from ..declare.problem import Problem
from ..forms import FormUnavailable, Jet

_DEGREE = 3


class Scattered(NamedTuple):
    """Which splines reach each point (n, K), and their values or derivatives there."""

    places: Array
    weights: Array

    def __call__(self, coefficients: Any) -> Array:
        """The field at the points (n,)."""
        return jnp.sum(jnp.ravel(coefficients)[self.places] * self.weights, axis=1)


class FieldBasis:
    """The splines that stand for one inferred field of the space coordinates, ``count`` intervals a side."""

    def __init__(self, problem: Problem, name: str, count: int):
        field = next(f for f in problem.inferred if f.func.__name__ == name)
        if problem.time in field.args or len(field.args) != len(problem.coordinates):
            raise FormUnavailable(
                f"a simulation that infers {field}",
                reason="its fields depend on all space coordinates alone",
                mend=f"declare {name}({', '.join(map(str, problem.coordinates))})",
            )  # fmt: skip
        low, high = problem.domain.bounds
        self.name, self.bounds = name, tuple(zip(low, high, strict=True))
        lines = [np.linspace(a, b, count + 1) for a, b in self.bounds]
        self.knots = [np.pad(line, _DEGREE, mode="edge") for line in lines]
        self.shape = tuple(len(k) - _DEGREE - 1 for k in self.knots)

    @property
    def degrees(self) -> tuple[int, ...]:
        """Of the splines, by axis."""
        return (_DEGREE,) * len(self.knots)

    def on_lines(self, coefficients: Any, lines: Sequence[np.ndarray], index: Sequence[int]) -> Array:
        """∂^index of the field on the grid that lines span."""
        values = coefficients
        for axis, (line, order) in enumerate(zip(lines, index, strict=True)):
            matrix = jnp.asarray(self.matrix(axis, line, order))
            values = jnp.moveaxis(jnp.tensordot(matrix, values, axes=(1, axis)), 0, axis)
        return values

    def matrix(self, axis: int, line: np.ndarray, order: int = 0) -> np.ndarray:
        """Derivatives of every spline along an axis at points, (n, splines)."""
        a, b = self.bounds[axis]
        spline = BSpline(self.knots[axis], np.eye(self.shape[axis]), _DEGREE)
        return np.asarray(spline(np.clip(line, a, b), nu=order))

    def jets(self, coefficients: Any, lines: Sequence[np.ndarray], wanted: Sequence[Jet]) -> dict[Jet, Array]:
        """The field's jets among those wanted."""
        own = [j for j in wanted if j.unknown == self.name]
        return {j: self.on_lines(coefficients, lines, j.index[: len(lines)]) for j in own}

    def roughness(self) -> np.ndarray:
        """Rows whose squares sum to ∫ Σᵢ (Lᵢ² ∂ᵢ² a)² / |Ω|, Lᵢ the sides; (rows, splines)."""
        sizes = zip(self.bounds, self.shape, strict=True)
        lines = [np.linspace(a, b, 2 * (n - _DEGREE) + 1) for (a, b), n in sizes]
        rows = []
        for axis, (a, b) in enumerate(self.bounds):
            whole = np.ones((1, 1))
            for other, line in enumerate(lines):
                whole = np.kron(whole, self.matrix(other, line, 2 if other == axis else 0))
            rows.append((b - a) ** 2 * whole / np.sqrt(len(whole)))
        return np.concatenate(rows)

    def gram(self) -> np.ndarray:
        """Mean products of all pairs of splines over the box, (splines, splines)."""
        nodes, weights = np.polynomial.legendre.leggauss(_DEGREE + 1)  # exact
        whole = np.ones((1, 1))
        for axis, count in enumerate(self.shape):
            (a, b), intervals = self.bounds[axis], count - _DEGREE
            places = a + (b - a) * (np.arange(intervals)[:, None] + (nodes + 1) / 2).ravel() / intervals
            values = self.matrix(axis, places)
            whole = np.kron(whole, values.T @ (values * np.tile(weights / 2 / intervals, intervals)[:, None]))
        return whole

    def scattered(self, points: np.ndarray, index: Sequence[int]) -> Scattered:
        """∂^index of the field at points (n, d), as a function of its coefficients."""
        places = np.zeros((len(points), 1), np.int64)
        weights = np.ones((len(points), 1))
        for axis, (knots, count, order) in enumerate(zip(self.knots, self.shape, index, strict=True)):
            line = np.clip(points[:, axis], *self.bounds[axis])
            last = np.clip(np.searchsorted(knots, line, side="right") - 1, _DEGREE, count - 1)
            own = last[:, None] + np.arange(-_DEGREE, 1)
            factor = np.empty(own.shape)
            for first in range(_DEGREE + 1):
                # Of splines four apart one alone reaches a point: their sum is evaluated at once.
                unit = (np.arange(count) % (_DEGREE + 1) == first).astype(float)
                factor[own % (_DEGREE + 1) == first] = BSpline(knots, unit, _DEGREE)(line, nu=order)
            places = (places[:, :, None] * count + own[:, None, :]).reshape(len(points), -1)
            weights = (weights[:, :, None] * factor[:, None, :]).reshape(len(points), -1)
        return Scattered(jnp.asarray(places), jnp.asarray(weights))

    def at_points(self, points: np.ndarray) -> np.ndarray:
        """Values of every spline at points (n, d), (n, splines)."""
        rows = np.ones((len(points), 1))
        for axis in range(len(self.knots)):
            matrix = self.matrix(axis, points[:, axis])
            rows = (rows[:, :, None] * matrix[:, None, :]).reshape(len(points), -1)
        return rows
