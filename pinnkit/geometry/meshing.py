"""Meshes of shapes, boundary facets under the shapes' names."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .bisection import bisected
from .boxes import Box, Rectangle
from .checks import positive
from .curves import Arc, Curve
from .errors import GeometryError
from .mesh import AnyMesh, Mesh, quadratic
from .mesh_file import MeshFile
from .pieces import EndPoint
from .shapes import Shape
from .structured import kuhn_tetrahedra, right_triangles

# A point and the cell size wanted there.
Refinement = tuple[Sequence[float], float]


def mesh(
    shape: Shape,
    size: float,
    order: int = 2,
    *,
    refine_at: Sequence[Refinement] = (),
    grading: float = 0.3,
    periodic: Sequence[int] = (),
) -> AnyMesh:
    """A mesh of the shape with cells of about ``size``.

    Near every (point, h) of ``refine_at`` cells have size h, growing with the distance r from it no faster
    than h + ``grading``·r, for any h in one and two dimensions. With ``order`` 2 curved shapes of the plane
    become triangle6 with the middles of edges on the true curve; straight-sided ones are covered exactly by
    plain triangles, and those stay. Rectangles get a structured mesh (bisected where refined), boxes too
    unless refined, intervals get lines, solids tetrahedra, and a mesh file gives its own cells. The same
    call gives the same mesh.

    Vertices on the flat ends of a plane domain or box across the axes ``periodic`` lie opposite each other,
    save where ``refine_at`` asks for more on one side.

    Raises ``GeometryError`` for shapes beyond three dimensions and for what the mesher cannot do.
    """
    size, grading = positive(size, "the mesh size"), positive(grading, "the mesh grading")
    spots = [
        (np.atleast_1d(np.asarray(point, float)), positive(h, "a local mesh size")) for point, h in refine_at
    ]
    if isinstance(shape, MeshFile):
        return shape.mesh
    if shape.dimension == 1:
        return _lines(shape, size, spots, grading)
    if shape.dimension == 2 and all(isinstance(piece, Curve) for piece in shape.pieces()):
        return _plane(shape, size, order, spots, grading, periodic)
    if isinstance(shape, Box) and shape.dimension == 3 and not spots:
        return kuhn_tetrahedra(shape, size)
    if shape.dimension == 3:
        from .netgen_space import tetrahedra

        return tetrahedra(shape, size, spots, grading)
    raise GeometryError(
        f"no mesh for a {type(shape).__name__} in {shape.dimension} dimensions",
        expected="a shape in one, two or three dimensions, a mesh file only by itself",
        mend="choose a reference that needs no mesh",
    )


def _plane(
    shape: Shape,
    size: float,
    order: int,
    spots: Sequence[tuple[np.ndarray, float]],
    grading: float,
    periodic: Sequence[int],
) -> Mesh:
    if isinstance(shape, Rectangle | Box):
        found = right_triangles(shape, size)
    else:
        from .netgen_plane import triangles

        found = triangles(shape, size, grading, periodic)
    if spots:
        found = bisected(found, lambda centres: _sizes(centres, spots, grading))
    return quadratic(found) if order == 2 and any(isinstance(p, Arc) for p in found.pieces) else found


def _sizes(points: np.ndarray, spots: Sequence[tuple[np.ndarray, float]], grading: float) -> np.ndarray:
    """Largest cells (n,) that the spots allow at points (n, d)."""
    allowed = [h + grading * np.linalg.norm(points - spot, axis=1) for spot, h in spots]
    return np.min([np.full(len(points), np.inf), *allowed], axis=0)


def _lines(shape: Shape, size: float, spots: Sequence[tuple[np.ndarray, float]], grading: float) -> Mesh:
    ends = sorted((p for p in shape.pieces() if isinstance(p, EndPoint)), key=lambda p: p.position)
    chains = [
        _chain(left.position, right.position, size, spots, grading)
        for left, right in zip(ends[::2], ends[1::2], strict=True)
    ]
    starts = np.cumsum([0, *map(len, chains)])
    cells = [
        np.column_stack([np.arange(first, last - 1), np.arange(first + 1, last)])
        for first, last in pairwise(starts)
    ]
    facets: dict[str, list[int]] = {}
    for number, end in enumerate(ends):
        at = starts[number // 2] if end.sign < 0 else starts[number // 2 + 1] - 1
        facets.setdefault(end.name, []).append(int(at))
    points = np.concatenate(chains)[:, None]
    return Mesh(points, np.vstack(cells), "line", {n: np.array(at)[:, None] for n, at in facets.items()})


def _chain(
    low: float, high: float, size: float, spots: Sequence[tuple[np.ndarray, float]], grading: float
) -> np.ndarray:
    """Points from ``low`` to ``high`` that hit every spot between and equidistribute ∫ dx / h(x) between."""
    stops = sorted({low, high, *(float(p[0]) for p, _ in spots if low < p[0] < high)})
    parts = [np.array([low])]
    for a, b in pairwise(stops):
        # Geometric towards both ends, so that the sizes near a spot are seen.
        steps = (b - a) * np.concatenate([np.geomspace(1e-14, 0.5, 2000), np.linspace(0, 0.5, 500)])
        x = np.unique(np.concatenate([a + steps, b - steps]))
        density = 1 / np.minimum(size, _sizes(x[:, None], spots, grading))
        count = np.concatenate([[0.0], np.cumsum(np.diff(x) * (density[1:] + density[:-1]) / 2)])
        cells = max(1, int(np.ceil(count[-1] - 1e-6)))
        parts.append(np.interp(np.linspace(0, count[-1], cells + 1)[1:], count, x))
        parts[-1][-1] = b
    return np.concatenate(parts)
