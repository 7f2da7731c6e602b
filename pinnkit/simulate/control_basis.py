"""Controls: fields of space and time, of space, or of time, as tensor-product cubic B-splines."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import Array
from scipy.interpolate import BSpline

from ..declare.problem import Problem
from ..forms import FormUnavailable, Jet
from .simulator import Inputs, Simulator, declared_inputs
from .trajectory import SplineField

_DEGREE = 3
_GAUSS = 4  # points an interval, at which products of splines are integrated exactly


class TimeField(eqx.Module):
    """Values on a grid as a cubic spline in time: ``table`` (splines, *grid), ``pieces`` by interval."""

    table: Array
    pieces: Array
    start: float
    width: float

    def __call__(self, t: Any) -> Array:
        """The values at a time."""
        place = (t - self.start) / self.width
        interval = jnp.clip(jnp.floor(place), 0, len(self.pieces) - 1).astype(int)
        powers = (place - interval) ** jnp.arange(_DEGREE + 1)
        near = jnp.take(self.table, interval + jnp.arange(_DEGREE + 1), axis=0)
        return jnp.tensordot(self.pieces[interval] @ powers, near, 1)


class _Line:
    """Cubic B-splines on equal intervals of one variable, orthonormalised by their Gram matrix."""

    def __init__(self, start: float, end: float, intervals: int):
        self.start, self.width, self.count = start, (end - start) / intervals, intervals
        self.knots = np.pad(np.linspace(start, end, intervals + 1), _DEGREE, mode="edge")
        self.size = intervals + _DEGREE
        self.spline = BSpline(self.knots, np.eye(self.size), _DEGREE)
        nodes, weights = np.polynomial.legendre.leggauss(_GAUSS)
        left = start + self.width * np.arange(intervals)[:, None]
        values = self.spline((left + self.width * (nodes + 1) / 2).ravel())
        gram = values.T @ (values * np.tile(weights * self.width / 2, intervals)[:, None])
        self.coefficients = np.linalg.inv(np.linalg.cholesky(gram)).T
        """Of the B-splines, by orthonormal functions: (splines, functions)."""

    def matrix(self, points: np.ndarray, order: int) -> np.ndarray:
        """Derivatives of every B-spline at points, (n, splines)."""
        return np.asarray(self.spline(np.clip(points, self.knots[0], self.knots[-1]), nu=order))

    def pieces(self, order: int) -> np.ndarray:
        """Of the ``order``-th derivative, by interval, coefficients of powers of the four splines there."""
        found = np.zeros((self.count, _DEGREE + 1, _DEGREE + 1))
        for interval in range(self.count):
            near = slice(interval, interval + _DEGREE + 1)
            places = (np.arange(_DEGREE + 1) + 0.5) / (_DEGREE + 1)
            values = self.matrix(self.start + (interval + places) * self.width, order)[:, near]
            found[interval] = np.linalg.solve(np.vander(places, increasing=True), values).T
        return found


class ControlBasis:
    """The functions that a control is made of; their coefficients have the size ∫∫ f² of the control.

    Raises ``FormUnavailable`` for a control of some of the space coordinates.
    """

    def __init__(self, problem: Problem, name: str, intervals: int):
        self.problem, self.name = problem, name
        field = next(f for f in problem.inferred if f.func.__name__ == name)
        space = [a for a in field.args if a != problem.time]
        if space and tuple(space) != problem.coordinates:
            raise FormUnavailable(
                f"the control {field}", reason="it depends on some of the space coordinates",
                mend=f"let it depend on all of {', '.join(map(str, problem.coordinates))}, or on time alone",
            )  # fmt: skip
        low, high = problem.domain.bounds
        clock = problem.time
        self.space = [_Line(a, b, intervals) for a, b in zip(low, high, strict=True)] if space else []
        self.time = _Line(clock.start, clock.end, intervals) if clock in field.args else None
        self.lines = [*self.space, *([self.time] if self.time else [])]
        self.shape = tuple(line.size for line in self.lines)
        # What a control does not depend on counts by its length.
        constant = [] if space else list(np.subtract(high, low))
        constant += [] if self.time else [clock.end - clock.start]
        self._size = float(np.prod(constant)) ** -0.5

    def coefficients(self, theta: Any) -> Any:
        """Those of the B-splines."""
        values = self._size * theta.reshape(self.shape)
        for axis, line in enumerate(self.lines):
            values = jnp.moveaxis(jnp.tensordot(line.coefficients, values, axes=(1, axis)), 0, axis)
        return values

    def jets(self, theta: Any, lines: Sequence[np.ndarray], wanted: Sequence[Jet]) -> dict[Jet, Any]:
        """The control's jets among those wanted, on the grid that lines span, as functions of time."""
        own, values, found = [j for j in wanted if j.unknown == self.name], self.coefficients(theta), {}
        for jet in own:
            table = values
            for axis, line in enumerate(self.space):
                matrix = line.matrix(lines[axis], jet.index[axis])
                table = jnp.moveaxis(jnp.tensordot(matrix, table, axes=(1, axis)), 0, axis)
            if self.time is None:
                found[jet] = table
                continue
            pieces = jnp.asarray(self.time.pieces(jet.index[-1]))
            found[jet] = TimeField(jnp.moveaxis(table, -1, 0), pieces, self.time.start, self.time.width)
        return found

    def field(self, theta: np.ndarray) -> SplineField:
        """The control as a function of all variables, constant along those that it does not depend on."""
        values = np.asarray(self.coefficients(jnp.asarray(theta)))
        axes = [*(self.space or [None] * len(self.problem.coordinates)), self.time]
        bounds = zip(self.problem.lower, self.problem.upper, strict=True)
        knots, degrees, shape = [], [], []
        for line, (a, b) in zip(axes, bounds, strict=True):
            knots.append(line.knots if line else np.array([a, a, b, b]))
            degrees.append(_DEGREE if line else 1)
            shape.append(line.size if line else 1)
        filled = [n if line else 2 for line, n in zip(axes, shape, strict=True)]
        whole = np.broadcast_to(values.reshape(shape), filled)
        return SplineField([self.name], knots, degrees, np.ascontiguousarray(whole[..., None]))


def controlled(
    bases: list[ControlBasis], simulator: Simulator, theta: Array, wanted: tuple[Any, ...],
    parameters: dict[str, Any] | None = None,
) -> Inputs:  # fmt: skip
    """A simulator's inputs with controls of coefficients θ."""
    lines = [simulator.grid.line(axis) for axis in range(len(simulator.grid.counts))]
    fields, place = {}, 0
    for basis in bases:
        size = prod(basis.shape)
        fields |= basis.jets(theta[place : place + size], lines, wanted)
        place += size
    return Inputs(parameters or declared_inputs(simulator.problem).parameters, fields)
