"""Damped Newton iteration for steady problems."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from .assembly import Assembler
from .base import ReferenceUnavailable
from .constraints import Constraints, balance
from .elements import Array
from .linear import Factorisation, factorise, singular
from .mesh import Index

MAX_NEWTON_STEPS = 40


@dataclass(frozen=True)
class NewtonReport:
    """How a Newton solve went: the number of steps and the last relative correction."""

    steps: int
    correction: float


def newton(
    assembler: Assembler,
    constraints: Constraints,
    start: Array,
    saddle: bool,
    masses: Sequence[Array],
    tolerance: float = 1e-12,
) -> tuple[Array, NewtonReport]:
    """u with R(u) = 0 on the free degrees of freedom, from ``start`` with the prescribed values set.

    Damping follows the natural monotonicity test (Deuflhard 2004, §3.3): a step is taken when the next
    simplified correction is shorter. A correction that stops shrinking near rounding ends the iteration.
    """
    free = constraints.free
    u = start.copy()
    u[constraints.fixed] = constraints.values(0.0, 0)

    def residual(state: Array) -> Array:
        return balance(assembler, constraints.floating, masses, assembler.residual(0.0, (state,)))[free]

    current = residual(u)
    previous = np.inf
    for step in range(1, MAX_NEWTON_STEPS + 1):
        factors = factorise(assembler.jacobian(0.0, (u,))[0][free][:, free], saddle)
        try:
            correction = factors.solve(-current)
            if assembler.linear:
                u[free] += correction
                return u, NewtonReport(step, 0.0)
            u, current, simplified, damping = _damped(u, free, correction, factors, residual)
        except RuntimeError:
            raise singular() from None
        length, scale = np.linalg.norm(correction), max(np.linalg.norm(u), 1e-300)
        following = np.linalg.norm(simplified)
        if not damping:
            raise _diverged(step, length / scale)
        # The simplified correction is the next one to first order: when it is this small, it is the last.
        if damping == 1 and following <= 1e-9 * scale:
            u[free] += simplified
            return u, NewtonReport(step, following / scale)
        if length <= tolerance * scale or (length <= 1e-8 * scale and length > 0.3 * previous):
            return u, NewtonReport(step, length / scale)
        previous = length
    raise _diverged(MAX_NEWTON_STEPS, length / scale)


def _damped(
    u: Array, free: Index, correction: Array, factors: Factorisation, residual: Callable[[Array], Array]
) -> tuple[Array, Array, Array, float]:
    """The damped step: state, residual, simplified correction there, and the damping; 0 where none helps."""
    length = np.linalg.norm(correction)
    damping = 1.0
    while damping > 1e-4:
        trial = u.copy()
        trial[free] += damping * correction
        with np.errstate(all="ignore"):
            current = residual(trial)
        if np.isfinite(current).all():
            simplified = factors.solve(-current)
            shrunk = np.linalg.norm(simplified) <= (1 - damping / 4) * length
            if shrunk or length <= 1e-8 * np.linalg.norm(trial):
                return trial, current, simplified, damping
        damping /= 2
    return u, current, correction, 0.0


def _diverged(steps: int, correction: float) -> ReferenceUnavailable:
    return ReferenceUnavailable(
        f"finite elements: Newton's method did not converge in {steps} steps",
        reason=f"the last correction is {correction:.1e} of the solution",
        mend="check signs and parameters; a weaker nonlinearity or a finer mesh (reference.fem.size) may do",
    )
