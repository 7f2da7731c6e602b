"""Tetrahedra from netgen's solid modeller, facets under the names of the shapes' pieces."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from importlib import import_module
from typing import Any

import numpy as np

from .boolean import Difference, Intersection, Union
from .boxes import Box
from .errors import GeometryError
from .mesh import Mesh, ascending
from .pieces import BoundaryPiece
from .round import Ball, Cylinder
from .shapes import Shape


def tetrahedra(shape: Shape, size: float, spots: Sequence[tuple[np.ndarray, float]], grading: float) -> Mesh:
    """Straight tetrahedra; see ``meshing.mesh``."""
    netgen: Any = import_module("netgen.meshing")
    netgen.SetMessageImportance(0)
    # Cells on round faces two thirds as long as the radius: second order takes care of the rest.
    wishes = netgen.MeshingParameters(maxh=size, grading=grading, curvaturesafety=1.5)
    for spot, h in spots:
        wishes.RestrictH(*spot.tolist(), h=h)
    pieces: list[BoundaryPiece] = []
    geometry = import_module("netgen.occ").OCCGeometry(solid(shape, pieces))
    try:
        found = geometry.GenerateMesh(mp=wishes)
    except Exception as error:
        raise GeometryError(
            f"the mesher gave up: {error}", expected="a shape that can be cut into tetrahedra of this size",
            mend="ask for a smaller mesh size",
        ) from error  # fmt: skip
    outer = found.Elements2D().NumPy()
    cells = found.Elements3D().NumPy()["nodes"][:, :4].astype(np.int64) - 1
    sides = outer["nodes"][:, :3].astype(np.int64) - 1
    labels = [found.GetBCName(number) for number in range(int(outer["index"].max()))]
    numbers = np.array([int(label) for label in labels])[outer["index"] - 1]
    names = np.array([piece.name for piece in pieces])[numbers]
    present = [name for name in dict.fromkeys(piece.name for piece in pieces) if np.any(names == name)]
    return Mesh(
        np.array(found.Coordinates()), ascending(cells), "tetra",
        {name: ascending(sides[names == name]) for name in present},
        pieces, {name: numbers[names == name] for name in present},
    )  # fmt: skip


def solid(shape: Shape, pieces: list[BoundaryPiece]) -> Any:
    """The shape in the solid modeller; every face is called by its number in ``pieces``, which grows."""
    occ: Any = import_module("netgen.occ")
    match shape:
        case Difference():
            first, *holes = (solid(part, pieces) for part in shape.shapes)
            return reduce(lambda one, other: one - other, holes, first)
        case Union():
            return reduce(lambda one, other: one + other, [solid(part, pieces) for part in shape.shapes])
        case Intersection():
            return reduce(lambda one, other: one * other, [solid(part, pieces) for part in shape.shapes])
        case Box():
            body = occ.Box(occ.Pnt(*shape.lower), occ.Pnt(*shape.upper))
        case Ball():
            body = occ.Sphere(occ.Pnt(*shape.center), shape.radius)
        case Cylinder():
            body = occ.Cylinder(occ.Pnt(*shape.base), occ.Vec(*shape.direction), shape.radius, shape.height)
        case _:
            raise GeometryError(
                f"a {type(shape).__name__} cannot be part of a meshed solid",
                expected="boxes, balls, cylinders and their unions, differences and intersections",
            )
    own = shape.pieces()
    for face in body.faces:
        at = np.array([[*face.center]])
        distance = [_apart(piece, at) for piece in own]
        face.name = str(len(pieces) + int(np.argmin(distance)))
    pieces.extend(own)
    return body


def _apart(piece: BoundaryPiece, at: np.ndarray) -> float:
    """Distance between a face's centre of mass and that of a piece, estimated by a lattice of points."""
    axis = (np.arange(16) + 0.5) / 16
    unit = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    points, _ = piece.sample(unit)
    return float(np.linalg.norm(points.mean(axis=0) - at))
