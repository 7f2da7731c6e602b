"""Prescribed values, unknowns known up to a constant, and data that must balance for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sps

from .assembly import Array, Assembler
from .base import ReferenceUnavailable
from .mesh import Index
from .spaces import SpaceProduct


@dataclass(frozen=True, eq=False)
class Constraints:
    """Degrees of freedom with prescribed values, and unknowns that are known up to a constant only.

    ``values(time, rate)`` gives ∂ₜ^rate of the prescribed values (len(fixed),). Each of ``floating`` is an
    unknown whose constant mode changes nothing: one of its degrees of freedom stands among ``fixed``. Of
    these, the equations tested with ``balanced`` ones hold for data that balance only. At ``pinned`` ones of
    the fixed a value at a point takes the place of the equation.
    """

    size: int
    fixed: Index
    values: Callable[[float, int], Array]
    floating: tuple[int, ...] = ()
    balanced: tuple[int, ...] = ()
    pinned: tuple[int, ...] = ()
    free: Index = field(init=False)

    def __post_init__(self) -> None:
        mask = np.ones(self.size, bool)
        mask[self.fixed] = False
        object.__setattr__(self, "free", np.flatnonzero(mask))


def floating_unknowns(assembler: Assembler, fixed: Index) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Unknowns that may be shifted by a constant without changing any equation or boundary term.

    Asked of the assembled rows that are not ``fixed``, so that boundary conditions count: a pressure is
    held by an outflow condition and floats in a closed box. The second tuple are those of them whose
    equation, tested with a constant, does not depend on the solution: its data must balance. Where fluid
    may leave through a boundary with a slope of its velocity given, nothing need balance.
    """
    rng = np.random.default_rng(0)
    product = assembler.product
    states = tuple(rng.standard_normal(assembler.size) for _ in range(max(assembler.rates) + 1))
    matrices = assembler.jacobian(0.0, states).values()
    free = np.setdiff1d(np.arange(assembler.size), fixed)
    found, balanced = [], []

    def vanishes(matrix: sps.spmatrix, mode: Array) -> bool:
        size = (abs(matrix) @ np.abs(mode))[free].max(initial=0.0)
        return bool(np.abs(matrix @ mode)[free].max(initial=0.0) <= 1e-9 * size)

    for k, space in enumerate(product.spaces):
        part = product.part(k)
        if ((fixed >= part.start) & (fixed < part.stop)).any():
            continue
        mode = np.zeros(assembler.size)
        mode[part] = space.constant()
        if all(vanishes(m, mode) for m in matrices):
            found.append(k)
            if all(vanishes(m.T, mode) for m in matrices):
                balanced.append(k)
    return tuple(found), tuple(balanced)


def refuse_left_over(assembler: Assembler, constraints: Constraints, state: Array) -> None:
    """Raise ``ReferenceUnavailable`` where an equation that was given up for a constant does not hold."""
    residual = assembler.residual(0.0, (state,))
    for k in set(constraints.floating) - set(constraints.balanced):
        part = assembler.product.part(k)
        rows = assembler.jacobian(0.0, (state,))[0][part]
        held = constraints.fixed[(constraints.fixed >= part.start) & (constraints.fixed < part.stop)]
        if np.abs(residual[held]).max() > 1e-3 * (abs(rows) @ np.abs(state)).sum():
            raise ReferenceUnavailable(
                "finite elements: the data do not balance, so no solution exists",
                reason="an unknown is known up to a constant, and its equations contradict each other",
                mend="prescribe that unknown on part of the boundary, or make sources and fluxes balance",
            )


def refuse_spikes(assembler: Assembler, constraints: Constraints, state: Array) -> None:
    """Raise ``ReferenceUnavailable`` where a value at a point is more than what fixes a free constant.

    Beyond one dimension a point carries no flux: the finer the mesh, the narrower the spike at it.
    """
    if not constraints.pinned or assembler.product.mesh.dimension == 1:
        return
    pinned = np.array(constraints.pinned)
    rows = assembler.jacobian(0.0, (state,))[0][pinned]
    if (np.abs(assembler.residual(0.0, (state,))[pinned]) > 1e-2 * (abs(rows) @ np.abs(state))).any():
        raise ReferenceUnavailable(
            "finite elements: a value is given at a point that the solution would have to spike to",
            reason="the unknown is known without it, and beyond one dimension a point carries no flux",
            mend="remove the PointValue, or cut out a small hole and prescribe the value on its boundary",
        )


def balance(
    product: SpaceProduct, floating: Sequence[int], masses: Sequence[Array], residual: Array
) -> Array:
    """A residual made orthogonal to the constants of floating unknowns.

    What is taken out is the quadrature error of data that balance in the continuum; data that do not
    balance raise ``ReferenceUnavailable``.
    """
    for k in floating:
        part = product.part(k)
        constant, mass = product.spaces[k].constant(), masses[k]
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
