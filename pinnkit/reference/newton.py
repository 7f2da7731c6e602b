"""Damped Newton iteration for steady problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import scipy.sparse as sps

from .base import ReferenceUnavailable
from .constraints import Constraints, balance
from .elements import Array
from .linear import Factorisation, LinearSolver, Singular, TooLarge, factorise, singular
from .rows import Rows
from .spaces import SpaceProduct

MAX_NEWTON_STEPS = 40
# Corrections this short that no longer shrink are rounding, which graded cells magnify.
_ROUNDING = 1e-6
# Where one step shortens corrections to this part, further ones may use the same factors.
_CONTRACTION = 0.1
# An unknown this much smaller than the largest is taken for zero, and corrections of it for noise.
_NEGLIGIBLE = 1e-10


class Equations(Protocol):
    """R(u) = 0 and its derivative, as Newton's method asks for them."""

    @property
    def product(self) -> SpaceProduct:
        """The spaces of the unknowns."""
        ...

    @property
    def linear(self) -> bool:
        """Whether the derivative does not depend on u."""
        ...

    def residual(self, time: float, states: Sequence[Array]) -> Array:
        """R (N,) at ``states`` = (u,)."""
        ...

    def jacobian(self, time: float, states: Sequence[Array]) -> Mapping[int, sps.csr_matrix]:
        """The matrix ∂R/∂u under the key 0."""
        ...


class Diverged(ReferenceUnavailable):
    """Newton's method found no solution from where it started."""


@dataclass(frozen=True)
class NewtonReport:
    """How a Newton solve went: the number of steps and the last relative correction."""

    steps: int
    correction: float


def newton(
    equations: Equations,
    constraints: Constraints,
    start: Array,
    saddle: bool,
    masses: Sequence[Array],
    tolerance: float = 1e-12,
    most: int = MAX_NEWTON_STEPS,
) -> tuple[Array, NewtonReport]:
    """u with R(u) = 0 on the free degrees of freedom, from ``start`` with the prescribed values set.

    Damping follows the natural monotonicity test (Deuflhard 2004, §3.3): a step is taken when the next
    simplified correction is shorter. Corrections are measured relative to the size of their own unknown, so
    that a large pressure does not hide a velocity. One that stops shrinking near rounding ends the iteration.
    Raises ``Diverged`` where ``most`` steps or the damping do not suffice.
    """
    free = constraints.free
    u = start.copy()
    u[constraints.fixed] = constraints.values(0.0, 0)

    def residual(state: Array) -> Array:
        value = equations.residual(0.0, (state,))
        return balance(equations.product, constraints.balanced, masses, value)[free]

    current = residual(u)
    if not np.isfinite(current).all():
        raise _diverged(0, "the residual at the start is not finite")
    rows = Rows(equations.product, free)
    previous, stagnant, length = np.inf, 0, np.inf
    for step in range(1, most + 1):
        try:
            factors = factorise(equations.jacobian(0.0, (u,))[0][free][:, free], saddle, rows)
            correction = factors.solve(-current)
            if equations.linear:
                if isinstance(factors, Factorisation):
                    factors.refuse_singular()
                u[free] += correction
                return u, NewtonReport(step, 0.0)
            norm = Norm(equations.product, free, u, correction)
            u, current, simplified, damping = _damped(u, free, correction, factors, residual, norm)
        except (TooLarge, Singular):
            raise
        except (RuntimeError, ReferenceUnavailable):
            # What is singular on the way may be regular elsewhere.
            if equations.linear:
                raise singular() from None
            raise _diverged(step, "the linearised problem is singular") from None
        length, following = norm(correction), norm(simplified)
        if length == 0.0:
            return u, NewtonReport(step, 0.0)
        if not damping:
            raise _diverged(step, f"no part of a correction of {length:.1e} of the solution helps")
        if damping == 1 and following <= _CONTRACTION * length:
            u, current, left = _simplified(u, free, simplified, factors, residual, norm, length, tolerance)
            if left <= tolerance:
                return u, NewtonReport(step, left)
            length = left
        stagnant = stagnant + 1 if length > 0.3 * previous and length <= _ROUNDING else 0
        if length <= tolerance or (stagnant and length <= 1e-8) or stagnant > 1:
            return u, NewtonReport(step, length)
        previous = length
    raise _diverged(most, f"the last correction is {length:.1e} of the solution")


class Norm:
    """The largest over the unknowns of a vector's part, relative to the size of the unknown."""

    def __init__(self, product: SpaceProduct, free: Array, state: Array, correction: Array):
        self._owner = np.searchsorted(product.offsets, free, side="right") - 1
        self._count = len(product.spaces)
        moved = state.copy()
        moved[free] += correction
        parts = [product.part(k) for k in range(self._count)]
        sizes = np.array([max(np.linalg.norm(state[p]), np.linalg.norm(moved[p])) for p in parts])
        self._sizes = np.maximum(sizes, _NEGLIGIBLE * sizes.max(initial=0.0) or 1e-300)

    def __call__(self, vector: Array) -> float:
        with np.errstate(over="ignore"):
            squares = np.bincount(self._owner, vector**2, minlength=self._count)
        return float((np.sqrt(squares) / self._sizes).max())


def _damped(
    u: Array,
    free: Array,
    correction: Array,
    factors: LinearSolver,
    residual: Callable[[Array], Array],
    norm: Norm,
) -> tuple[Array, Array, Array, float]:
    """The damped step: state, residual, simplified correction there, and the damping; 0 where none helps."""
    length = norm(correction)
    damping = 1.0
    while damping > 1e-4:
        trial = u.copy()
        trial[free] += damping * correction
        with np.errstate(all="ignore"):
            current = residual(trial)
        if np.isfinite(current).all():
            simplified = factors.solve(-current)
            if norm(simplified) <= (1 - damping / 4) * length or length <= _ROUNDING:
                return trial, current, simplified, damping
        damping /= 2
    return u, current, correction, 0.0


def _simplified(
    u: Array,
    free: Array,
    correction: Array,
    factors: LinearSolver,
    residual: Callable[[Array], Array],
    norm: Norm,
    before: float,
    tolerance: float,
) -> tuple[Array, Array, float]:
    """Corrections by the same factors, while each is a fraction of the last: state, residual, what is left.

    ``before`` is the length of the correction before the first. Solving costs a twentieth of factorising.
    """
    length = norm(correction)
    contraction = length / before
    while True:
        u = u.copy()
        u[free] += correction
        current = residual(u)
        if contraction * length <= tolerance:
            return u, current, contraction * length
        correction = factors.solve(-current)
        following = norm(correction)
        contraction, length = following / max(length, 1e-300), following
        if not contraction <= 3 * _CONTRACTION:
            return u, current, length


def _diverged(steps: int, reason: str) -> Diverged:
    return Diverged(
        f"finite elements: Newton's method did not converge in {steps} steps",
        reason=reason,
        mend="check signs and parameters; a weaker nonlinearity or a finer mesh (reference.fem.size) may do",
    )
