"""Nonlinear problems that Newton's method does not solve from afar, reached from easier ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sps

from .base import ReferenceUnavailable
from .constraints import Constraints
from .elements import Array
from .newton import Diverged, Equations, newton
from .spaces import SpaceProduct

_FIRST_STRIDE, _SHORTEST_STRIDE = 0.25, 1e-2
# A point on the path is a start for the next: the last one alone is solved to rounding.
_TOLERANCE, _CORRECTIONS = 1e-4, 10
_EASY = 4


@dataclass(frozen=True, eq=False)
class _Blend:
    """(1 − λ)·E(u) + λ·R(u), with an easy E(u) = load + matrix·u."""

    hard: Equations
    part: float
    load: Array
    matrix: sps.csr_matrix
    linear: bool = False

    @property
    def product(self) -> SpaceProduct:
        return self.hard.product

    def residual(self, time: float, states: Sequence[Array]) -> Array:
        easy = self.load + self.matrix @ states[0]
        return (1 - self.part) * easy + self.part * self.hard.residual(time, states)

    def jacobian(self, time: float, states: Sequence[Array]) -> Mapping[int, sps.csr_matrix]:
        return {0: (1 - self.part) * self.matrix + self.part * self.hard.jacobian(time, states)[0]}


@dataclass(frozen=True, eq=False)
class _Relaxed:
    """R(u) − (1 − λ)·R(u₀): solved by u₀ at λ = 0, the problem itself at λ = 1."""

    hard: Equations
    part: float
    load: Array
    linear: bool = False

    @property
    def product(self) -> SpaceProduct:
        return self.hard.product

    def residual(self, time: float, states: Sequence[Array]) -> Array:
        return self.hard.residual(time, states) - (1 - self.part) * self.load

    def jacobian(self, time: float, states: Sequence[Array]) -> Mapping[int, sps.csr_matrix]:
        return self.hard.jacobian(time, states)


def continued(
    equations: Equations, constraints: Constraints, start: Array, saddle: bool, masses: Sequence[Array]
) -> Array:
    """u (N,) with R(u) = 0, followed along λ from an easier problem to the one that is meant.

    First the nonlinearity is let in by degrees: (1 − λ)(R(0) + R′(0)u) + λ R(u) = 0, which for
    Navier–Stokes begins at Stokes and raises the Reynolds number. Where R′(0) is singular or the path
    ends, the load is: R(u) = (1 − λ) R(start) (Allgower & Georg 1990). Raises ``Diverged`` where both end.
    """
    zero = np.zeros(equations.product.size)
    load, matrix = equations.residual(0.0, (zero,)), equations.jacobian(0.0, (zero,))[0]
    left = equations.residual(0.0, (start,))
    paths: list[Callable[[float], Equations]] = [
        lambda part: _Blend(equations, part, load, matrix),
        lambda part: _Relaxed(equations, part, left),
    ]
    reached = 0.0
    for path in paths:
        state, part = _follow(path, constraints, start, saddle, masses)
        if part == 1.0:
            return newton(equations, constraints, state, saddle, masses)[0]
        reached = max(reached, part)
    raise Diverged(
        "finite elements: Newton's method did not converge, nor did continuation from an easier problem",
        reason=f"solutions were followed as far as {reached:.3g} of the nonlinearity; "
        "beyond it there may be none, or several",
        mend="check signs and parameters; weaken the nonlinearity, or give finer cells (reference.fem.size)",
    )


def _follow(
    path: Callable[[float], Equations], constraints: Constraints, start: Array, saddle: bool, masses
) -> tuple[Array, float]:
    """The last state on a path and how far along it is; strides grow where the corrections are few."""
    try:
        state, _ = newton(path(0.0), constraints, start, saddle, masses)
    except ReferenceUnavailable:
        return start, 0.0
    part, stride = 0.0, _FIRST_STRIDE
    before, slope = state, None
    while part < 1.0:
        following = min(part + stride, 1.0)
        guess = state if slope is None else state + (following - part) * slope
        try:
            found, report = newton(
                path(following), constraints, guess, saddle, masses, _TOLERANCE, _CORRECTIONS
            )
        except ReferenceUnavailable:
            stride /= 2
            if stride < _SHORTEST_STRIDE:
                break
            continue
        before, state = state, found
        slope = (state - before) / (following - part)
        part = following
        stride *= 2 if report.steps <= _EASY else 1
    return state, part
