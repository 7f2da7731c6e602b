"""The lift: one smooth function of the domain that takes the Dirichlet data on their pieces.

Pieces with the same data constant in space need no carrying inwards and form one group; sides of a box
with differing data form one by Coons' interpolation; every other piece is one by itself. Groups are
weighted by inverse distance, wᵢ = φᵢ⁻¹/Σφⱼ⁻¹ (Rvachev et al., Comput. Mech. 27, 2001, eq. 12), which is
one on its own group and zero on the others, so constants stay constants.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import add, mul

import numpy as np
import sympy as sp
from jax import Array

from ..geometry.carriers import Facets, Plane
from ..geometry.curves import Arc, Curve
from ..geometry.pieces import BoundaryPiece, CylinderSide, boundary_side
from ..geometry.sampling import interior
from ..geometry.shapes import Shape
from .distance import NoDistance, carrier_key, is_closed, piece_distance
from .extension import Face, along_arc, along_segment, coons, projection, round_extension
from .implicit import TINY, ScalarField

ToFunction = Callable[[sp.Expr], ScalarField]


def boundary_lift(
    shape: Shape,
    data: Mapping[BoundaryPiece, sp.Expr],
    coordinates: Sequence[sp.Symbol],
    function: ToFunction,
    analytic: bool = False,
) -> ScalarField:
    """A function of one point (space, then time) equal to the data on every piece.

    ``function`` turns an expression into a function of one point; ``analytic`` asks for extensions with as
    many derivatives as their data, which those inside round pieces lack, and those of sides that meet
    elsewhere than in a box. Raises ``NoDistance`` where a piece has no smooth distance or its data no such
    extension.
    """
    sides = {piece: place for piece in data if (place := _side(shape, piece)) is not None}
    groups: list[tuple[list[BoundaryPiece], ScalarField]] = []
    differing = {data[piece] for piece in sides}
    if len(differing) > 1 or any(_varies(e, coordinates) for e in differing):
        faces = [Face(*place, function(data[piece])) for piece, place in sides.items()]
        groups.append((list(sides), coons(faces)))
    else:
        sides = {}
    constant: dict[sp.Expr, list[BoundaryPiece]] = {}
    for piece, expression in data.items():
        if piece in sides:
            continue
        if _varies(expression, coordinates):
            groups.append(([piece], _extension(shape, piece, function(expression), analytic)))
        else:
            constant.setdefault(expression, []).append(piece)
    groups += [(pieces, function(expression)) for expression, pieces in constant.items()]
    if len(groups) == 1:
        return groups[0][1]
    return _weighted(
        [piece_distance(shape, pieces) for pieces, _ in groups], [g for _, g in groups], len(coordinates)
    )


def _weighted(
    distances: Sequence[ScalarField], extensions: Sequence[ScalarField], dimension: int
) -> ScalarField:
    def function(x: Array) -> Array:
        values = [f(x[:dimension]) for f in distances]
        # Products of the others' distances in place of inverses; TINY decides where all of them vanish.
        weights = [reduce(mul, values[:k] + values[k + 1 :]) + TINY for k in range(len(values))]
        shares = (w * g(x) for w, g in zip(weights, extensions, strict=True))
        return reduce(add, shares) / reduce(add, weights)

    return function


def _varies(expression: sp.Expr, coordinates: Sequence[sp.Symbol]) -> bool:
    return not expression.free_symbols.isdisjoint(coordinates)


def _side(shape: Shape, piece: BoundaryPiece) -> tuple[int, float] | None:
    """Axis and level of a piece that is a whole side of the domain's bounding box, or None."""
    carrier = piece.carrier
    if not isinstance(carrier, Plane) or not _faces_all(shape, piece, carrier):
        return None
    along = np.abs(carrier.normal)
    axis = int(np.argmax(along))
    # the other components tell: a side tilted by 1e-3 has 1 − 5e-7 along the axis
    return (axis, carrier.point[axis]) if np.delete(along, axis).max(initial=0.0) <= 1e-12 else None


def _faces_all(shape: Shape, piece: BoundaryPiece, plane: Plane) -> bool:
    """Whether every point of the domain projects onto this very piece of a plane."""
    key = carrier_key(plane)
    if any(
        isinstance(p.carrier, Plane) and p != piece and carrier_key(p.carrier) == key for p in shape.pieces()
    ):
        return False
    inside = interior(shape, 256, 0)
    normals = np.broadcast_to(np.array(plane.normal), inside.shape)
    if np.any((inside - np.array(plane.point)) @ normals[0] >= 0):
        return False
    # A point of the closed shape may lie on an edge of two parts with nothing between them: look inwards.
    return bool(np.all(boundary_side(shape, piece.project(inside), normals, 1e-6 * shape.diameter) == 1))


def _extension(shape: Shape, piece: BoundaryPiece, data: ScalarField, analytic: bool) -> ScalarField:
    carrier = piece.carrier
    if analytic and getattr(carrier, "side", 1) > 0:  # rays outwards keep what data have
        raise NoDistance(
            f"the data vary along {piece.name!r}, and their extension lacks derivatives at the boundary"
        )
    if isinstance(carrier, Plane):
        if _faces_all(shape, piece, carrier):
            return projection(carrier, data)
        if isinstance(piece, Curve):
            start, end = piece.at(np.array([0.0, 1.0]))
            return along_segment(start, end, data)
    elif isinstance(piece, Arc) and not piece.closed:
        return along_arc(piece, data)
    elif not isinstance(carrier, Facets) and (is_closed(piece) or isinstance(piece, CylinderSide)):
        return round_extension(carrier, data)
    raise NoDistance(f"the data on {piece.name!r} vary along a surface that is only partly there")
