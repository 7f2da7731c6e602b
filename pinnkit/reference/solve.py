"""Steady solves: prescribed values, constant null modes, sparse factorisation and damped Newton."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sps
from scipy.sparse.linalg import splu

from .assembly import Array, Assembler
from .base import ReferenceUnavailable
from .mesh import Index

MAX_NEWTON_STEPS = 40


@dataclass(frozen=True, eq=False)
class Constraints:
    """Degrees of freedom with prescribed values, and unknowns that are known up to a constant only.

    ``values(time, rate)`` gives ∂ₜ^rate of the prescribed values (len(fixed),). Each of ``floating`` is an
    unknown whose constant mode changes nothing: one of its degrees of freedom stands among ``fixed``.
    """

    size: int
    fixed: Index
    values: Callable[[float, int], Array]
    floating: tuple[int, ...] = ()
    free: Index = field(init=False)

    def __post_init__(self) -> None:
        mask = np.ones(self.size, bool)
        mask[self.fixed] = False
        object.__setattr__(self, "free", np.flatnonzero(mask))


class Factorisation:
    """Sparse LU, checked: minimum degree on A + Aᵀ, and COLAMD with full pivoting where that loses accuracy.

    A saddle point has zeros on its diagonal, which elimination fills before they are pivots; pivoting only
    where one is a thousand times too small keeps the fill of the symmetric ordering (for Stokes with 9,000
    unknowns 1.5 million entries, with COLAMD 2.6, with a threshold of 0.1 instead 8.1).
    """

    def __init__(self, matrix: sps.spmatrix, saddle: bool):
        self._matrix = sps.csc_matrix(matrix)
        self._thorough = False
        self._lu = splu(
            self._matrix,
            permc_spec="MMD_AT_PLUS_A",
            diag_pivot_thresh=1e-3 if saddle else 0.0,
            options={"SymmetricMode": True},
        )

    def solve(self, load: Array) -> Array:
        """x with matrix·x = load, refined once. Raises ``RuntimeError`` where the matrix is singular."""
        x = self._lu.solve(load)
        gap = load - self._matrix @ x
        if np.isfinite(x).all() and np.abs(gap).max(initial=0.0) <= 1e-6 * np.abs(load).max(initial=0.0):
            return x + self._lu.solve(gap)
        if self._thorough:
            raise RuntimeError("the matrix is singular to rounding")
        self._thorough = True
        self._lu = splu(self._matrix, permc_spec="COLAMD")
        return self.solve(load)


def factorise(matrix: sps.spmatrix, saddle: bool) -> Factorisation:
    """A factorisation, or ``ReferenceUnavailable`` where the matrix is singular."""
    try:
        return Factorisation(matrix, saddle)
    except RuntimeError:
        raise _singular() from None


def _singular() -> ReferenceUnavailable:
    return ReferenceUnavailable(
        "finite elements: the discrete problem is singular",
        reason="the conditions do not determine the solution",
        mend="prescribe values on part of the boundary, or add a point value",
    )


def floating_unknowns(assembler: Assembler, fixed: Index) -> tuple[int, ...]:
    """Unknowns that may be shifted by a constant without changing any equation or boundary term.

    Asked of the assembled rows that are not ``fixed``, so that boundary conditions count: a pressure is
    held by an outflow condition and floats in a closed box.
    """
    rng = np.random.default_rng(0)
    product = assembler.product
    states = tuple(rng.standard_normal(assembler.size) for _ in range(max(assembler.rates) + 1))
    matrices = assembler.jacobian(0.0, states).values()
    free = np.setdiff1d(np.arange(assembler.size), fixed)
    found = []
    for k, space in enumerate(product.spaces):
        part = product.part(k)
        if ((fixed >= part.start) & (fixed < part.stop)).any():
            continue
        mode = np.zeros(assembler.size)
        mode[part] = space.constant()
        if all(
            np.abs(m @ mode)[free].max() <= 1e-9 * (abs(m) @ np.abs(mode))[free].max(initial=0.0)
            for m in matrices
        ):
            found.append(k)
    return tuple(found)


def balance(assembler: Assembler, floating: Sequence[int], masses: Sequence[Array], residual: Array) -> Array:
    """A residual made orthogonal to the constants of floating unknowns.

    What is taken out is the quadrature error of data that balance in the continuum; data that do not
    balance raise ``ReferenceUnavailable``.
    """
    for k in floating:
        part = assembler.product.part(k)
        constant, mass = assembler.product.spaces[k].constant(), masses[k]
        defect = constant @ residual[part]
        weight = constant @ np.abs(residual[part])
        # Large defects belong to unbalanced data; smaller ones to curved boundaries and quadrature.
        if abs(defect) > 1e-2 * weight and weight > 1e-12:
            raise ReferenceUnavailable(
                "finite elements: the data do not balance, so no solution exists",
                reason=f"the equation tested with a constant leaves {defect:.3g} where it must leave 0",
                mend="make sources and boundary fluxes balance, or prescribe a value on part of the boundary",
            )
        residual = residual.copy()
        residual[part] -= mass * (defect / (constant @ mass))
    return residual


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
            raise _singular() from None
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
