"""Differential operators of vector calculus in Cartesian coordinates, for scalars and columns.

Space coordinates are read off the unknowns in the expression (time left out), or given.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from .errors import DeclarationError
from .symbols import Time

Field = sp.Expr | sp.MatrixBase


def _space(expression: Field, coordinates: Sequence[sp.Symbol] | None, operator: str) -> list[sp.Symbol]:
    if coordinates:
        return list(coordinates)
    found: list[Any] = []
    for applied in sorted(expression.atoms(AppliedUndef), key=lambda f: -len(f.args)):
        found += [a for a in applied.args if not isinstance(a, Time) and a not in found]
    if not found:
        raise DeclarationError(
            f"{operator}({expression}): no unknown from which to read the coordinates",
            expected="an expression with an unknown in it",
            mend=f"name the coordinates: {operator}(expression, [x, y])",
        )
    return found


def _column(value: Field | Sequence[sp.Expr], operator: str) -> sp.MatrixBase:
    if isinstance(value, sp.MatrixBase):
        return value
    if isinstance(value, (list, tuple, sp.Tuple)):
        return sp.ImmutableMatrix(list(value))
    raise DeclarationError(
        f"{operator} of the scalar {value}",
        expected="a vector",
        mend="give a column of components, such as grad(u) or [u, v]",
    )


def grad(field: Field, coordinates: Sequence[sp.Symbol] | None = None) -> sp.MatrixBase:
    """Gradient: ∂u/∂xᵢ for a scalar (a column), ∂uᵢ/∂xⱼ for a column (a matrix)."""
    if isinstance(field, (list, tuple, sp.Tuple)):
        field = _column(field, "grad")
    space = _space(field, coordinates, "grad")
    if isinstance(field, sp.MatrixBase):
        return sp.ImmutableMatrix([[sp.Derivative(c, x) for x in space] for c in field])
    return sp.ImmutableMatrix([sp.Derivative(field, x) for x in space])


def div(field: Field | Sequence[sp.Expr], coordinates: Sequence[sp.Symbol] | None = None) -> Field:
    """Divergence: Σ ∂Fᵢ/∂xᵢ of a column (a scalar), of each row of a matrix (a column)."""
    matrix = _column(field, "div")
    space = _space(matrix, coordinates, "div")
    width = matrix.shape[1] if matrix.shape[1] > 1 else matrix.shape[0]
    if width != len(space):
        raise DeclarationError(
            f"div of {width} components in {len(space)} coordinates",
            expected=f"{len(space)} components",
            mend="give one component per space coordinate",
        )
    if matrix.shape[1] == 1:
        return sp.Add(*(sp.Derivative(c, x) for c, x in zip(matrix.flat(), space, strict=True)))
    return sp.ImmutableMatrix(
        [
            sp.Add(*(sp.Derivative(matrix[i, j], x) for j, x in enumerate(space)))
            for i in range(matrix.shape[0])
        ]
    )


def laplacian(field: Field, coordinates: Sequence[sp.Symbol] | None = None) -> Field:
    """Laplacian Σ ∂²u/∂xᵢ², of each component for a column."""
    if isinstance(field, (list, tuple, sp.Tuple)):
        field = _column(field, "laplacian")
    space = _space(field, coordinates, "laplacian")
    if isinstance(field, sp.MatrixBase):
        return sp.ImmutableMatrix([sp.Add(*(sp.Derivative(c, (x, 2)) for x in space)) for c in field])
    return sp.Add(*(sp.Derivative(field, (x, 2)) for x in space))


def curl(field: Field | Sequence[sp.Expr], coordinates: Sequence[sp.Symbol] | None = None) -> Field:
    """Curl: a column of three in 3-D; the scalar ∂v/∂x − ∂u/∂y in 2-D."""
    column = _column(field, "curl")
    space = _space(column, coordinates, "curl")
    if len(space) == 2 and len(column) == 2:
        return sp.Derivative(column[1], space[0]) - sp.Derivative(column[0], space[1])
    if len(space) == 3 and len(column) == 3:
        x, y, z = space
        a, b, c = column
        return sp.ImmutableMatrix(
            [
                sp.Derivative(c, y) - sp.Derivative(b, z),
                sp.Derivative(a, z) - sp.Derivative(c, x),
                sp.Derivative(b, x) - sp.Derivative(a, y),
            ]
        )
    raise DeclarationError(
        f"curl of {len(column)} components in {len(space)} coordinates",
        expected="two components in 2-D or three in 3-D",
        mend="give a 2-D or 3-D vector",
    )


def dot(left: Field | Sequence[sp.Expr], right: Field | Sequence[sp.Expr]) -> sp.Expr:
    """Inner product Σ aᵢ bᵢ of two columns."""
    a, b = _column(left, "dot"), _column(right, "dot")
    if len(a) != len(b):
        raise DeclarationError(
            f"dot of {len(a)} and {len(b)} components",
            expected="equal lengths",
            mend="give two vectors of the same length",
        )
    return sp.Add(*(p * q for p, q in zip(a.flat(), b.flat(), strict=True)))


def material_derivative(
    field: Field, velocity: Field | Sequence[sp.Expr], coordinates: Sequence[sp.Symbol] | None = None
) -> Field:
    """Material derivative Du/Dt = ∂u/∂t + (w·∇)u; without a time in the unknowns, (w·∇)u."""
    if isinstance(field, (list, tuple, sp.Tuple)):
        field = _column(field, "material_derivative")
    if isinstance(field, sp.MatrixBase):
        return sp.ImmutableMatrix([material_derivative(c, velocity, coordinates) for c in field])
    space = _space(field, coordinates, "material_derivative")
    rate = sp.S.Zero
    for clock in {a for f in field.atoms(AppliedUndef) for a in f.args if isinstance(a, Time)}:
        rate += sp.Derivative(field, clock)
    return rate + dot(velocity, grad(field, space))
