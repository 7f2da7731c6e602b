"""Triangles from netgen: the exact boundary pieces in, a mesh with named facets on the true curves out."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from .clipping import CUT
from .curves import Arc, Curve
from .errors import GeometryError
from .mesh import Mesh, ascending
from .opposite import cut_alike, partners
from .shapes import Shape

# Arcs go to netgen in conics of at most this angle, each of which gets a cell or more: second-order cells
# then cover a disk to 1e-5 however coarse the mesh.
SPAN = 2 * np.pi / 24


def triangles(shape: Shape, size: float, grading: float, periodic: Sequence[int] = ()) -> Mesh:
    """Straight triangles with their vertices on the true boundary; see ``meshing.mesh``."""
    curves = [piece for piece in shape.pieces() if isinstance(piece, Curve)]
    raw_points, cells, ends, numbers = _generate(curves, size, grading, shape, periodic)
    points = _on_curves(raw_points, curves, ends, numbers)
    names = np.array([curve.name for curve in curves])[numbers]
    facets = {name: ends[names == name] for name in shape.boundary_names}
    facet_pieces = {name: numbers[names == name] for name in shape.boundary_names}
    return Mesh(points, ascending(cells), "triangle", facets, curves, facet_pieces)


def _generate(
    curves: Sequence[Curve], size: float, grading: float, shape: Shape, periodic: Sequence[int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Points (n, 2), triangles (m, 3), boundary edges (f, 2) and the curve (f,) that each edge lies on."""
    import_module("netgen.meshing").SetMessageImportance(0)
    geometry: Any = import_module("netgen.geom2d").SplineGeometry()
    joints: list[tuple[np.ndarray, int]] = []

    def joint(place: np.ndarray) -> int:
        # Neighbouring pieces meet within rounding, netgen wants one point.
        for known, number in joints:
            if np.linalg.norm(known - place) <= 10 * CUT * shape.diameter:
                return number
        joints.append((place, geometry.AppendPoint(*place.tolist())))
        return joints[-1][1]

    conics = [(number, *conic) for number, curve in enumerate(curves) for conic in _conics(curve, size)]
    bent = [tip is not None for _, _, tip, _, _ in conics]
    parts = cut_alike([np.stack([c[1], c[3]]) for c in conics], bent, shape.bounds, periodic)
    opposite = partners([line for _, line in parts], [bent[k] for k, _ in parts], shape.bounds, periodic)
    # Netgen numbers its edges by conics, from one, and copies the points of a partner in its direction.
    order = sorted(range(len(parts)), key=lambda k: k in opposite)
    appended: dict[int, int] = {}
    for k in order:
        number, line = parts[k]
        _, _, tip, _, finest = conics[number]
        copied = {"copy": appended[opposite[k]]} if k in opposite else {}
        way = [joint(place) for place in (line[::-1] if copied else line)]
        if tip is not None:
            way.insert(1, geometry.AppendPoint(*tip.tolist()))
        sides = {"leftdomain": 0, "rightdomain": 1} if copied else {"leftdomain": 1, "rightdomain": 0}
        kind = "line" if tip is None else "spline3"
        appended[k] = geometry.Append([kind, *way], **sides, maxh=finest, **copied)
    curve_of_conic = [conics[parts[k][0]][0] for k in order]
    try:
        found = geometry.GenerateMesh(maxh=size, grading=grading)
    except Exception as error:
        raise GeometryError(
            f"the mesher gave up: {error}", expected="a shape that can be cut into triangles of this size",
            mend="ask for a smaller mesh size, or move boundaries apart that nearly touch",
        ) from error  # fmt: skip
    inner, outer = found.Elements2D().NumPy(), found.Elements1D().NumPy()
    cells = inner["nodes"][:, :3].astype(np.int64) - 1
    ends = outer["nodes"][:, :2].astype(np.int64) - 1
    # Control points of the conics are no points of the mesh.
    used, cells = np.unique(cells, return_inverse=True)
    points = np.array(found.Coordinates())[used, :2]
    numbers = np.array(curve_of_conic)[outer["index"] - 1]
    return points, cells.reshape(-1, 3), np.searchsorted(used, ends), numbers


def _conics(curve: Curve, size: float) -> list[tuple[np.ndarray, np.ndarray | None, np.ndarray, float]]:
    """Begin, control point (None if straight), end and cell size of the pieces that netgen is given."""
    if not isinstance(curve, Arc):
        begin, end = curve.at(np.array([0.0, 1.0]))
        return [(begin, None, end, size)]
    count = int(np.ceil(abs(curve.stop - curve.start) / SPAN - 1e-9))
    cuts = np.linspace(curve.start, curve.stop, count + 1)
    circle = np.stack([np.cos(cuts), np.sin(cuts)], axis=1)
    middle = (cuts[:-1] + cuts[1:]) / 2
    tips = np.stack([np.cos(middle), np.sin(middle)], axis=1) / np.cos(np.diff(cuts)[:, None] / 2)
    places, tips = (np.array(curve.center) + on_circle @ curve.frame.T for on_circle in (circle, tips))
    if curve.closed:
        places[-1] = places[0]
    # On an ellipse, where it bends most, conics of one angle are long: the radius of curvature bounds them.
    first, second = curve.radii
    radius = ((first * np.sin(middle)) ** 2 + (second * np.cos(middle)) ** 2) ** 1.5 / (first * second)
    return list(zip(places[:-1], tips, places[1:], np.minimum(size, SPAN * radius).tolist(), strict=True))


def _on_curves(
    points: np.ndarray, curves: Sequence[Curve], ends: np.ndarray, numbers: np.ndarray
) -> np.ndarray:
    """Points with those inside an arc moved onto it; joints of two pieces are exact already."""
    points = points.copy()
    owners: dict[int, set[int]] = {}
    for pair, number in zip(ends.tolist(), numbers.tolist(), strict=True):
        for node in pair:
            owners.setdefault(node, set()).add(number)
    for number, curve in enumerate(curves):
        if isinstance(curve, Arc):
            nodes = [node for node, owner in owners.items() if owner == {number}]
            points[nodes] = curve.project(points[nodes])
    return points
