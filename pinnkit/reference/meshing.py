"""Meshes of a problem's domain for finite elements, and the finer ones that follow them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..geometry.boxes import Rectangle
from ..geometry.corners import corners
from ..geometry.mesh import AnyMesh, Mesh
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.shapes import Shape
from ..geometry.simplices import simplices
from .base import ReferenceUnavailable
from .elements import Array
from .mesh import FiniteMesh, line_mesh, triangle_mesh
from .refine import graded, halved, snapped

# Finer than this, relative to the domain, nothing is gained in double precision.
_SMALLEST_CELL = 1e-9
# Measured on the L-shape: the most accuracy for the unknowns spent.
_ROOM = 4.0


class Meshes:
    """A sequence of meshes of one domain, each twice as fine as the one before.

    Boundary nodes of every mesh lie on the exact shape. Around re-entrant corners cells shrink faster
    than elsewhere, so that the singularity there does not set the rate.
    """

    def __init__(self, shape: Shape, degree: int, periodic: tuple[int, ...] = ()):
        if periodic and shape.dimension > 1 and not isinstance(shape, Rectangle):
            raise ReferenceUnavailable(
                "finite elements: a periodic condition on a domain that is no rectangle",
                reason="the mesh must match on opposite sides",
                mend="declare the problem on a rectangle, or give an exact or data reference",
            )
        self.shape, self.degree = shape, degree
        plane = shape.dimension == 2
        self.corners = _reentrant(shape) if plane else {}
        self._carriers: list[Callable[[Array], Array]] = []
        if plane and not hasattr(shape, "mesh"):
            self._carriers = [c.project for c in dict.fromkeys(p.carrier for p in shape.pieces())]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was made of the cells of a mesh file."""
        given = self.shape.mesh if isinstance(self.shape, MeshFile) else None
        others = [b for b in given.blocks if not b.element.simplex] if given is not None else []
        cut = " and ".join(f"{len(block.cells)} cells of kind {block.kind}" for block in others)
        return (f"{cut} were cut into simplices for finite elements",) if others else ()

    def first(self, size: float) -> FiniteMesh:
        """A mesh of about the given cell size."""
        return self._graded(convert(mesh(self.shape, size)), size)

    def finer(self, coarse: FiniteMesh, size: float) -> FiniteMesh:
        """Every cell of ``coarse`` halved; ``size`` is the new cell size."""
        return self._graded(self._snapped(halved(coarse)), size)

    def _snapped(self, rough: FiniteMesh) -> FiniteMesh:
        return snapped(rough, self._carriers) if self._carriers and rough.edge_nodes is not None else rough

    def _graded(self, even: FiniteMesh, size: float) -> FiniteMesh:
        """Cells at corners so small that a solution like r^α costs no more there than a smooth one.

        Interpolation of r^α is equally good everywhere for h ~ r^{1 − α/(p+1)}; in energy the last cells, of
        size h, leave h^α where the others leave h^p.
        """
        reach = even.extent / 2
        for corner, exponent in self.corners.items():
            smallest = reach * max((size / reach) ** (self.degree / exponent), _SMALLEST_CELL)
            power = 1 - exponent / (self.degree + 1)

            def wanted(distance: Array, smallest: float = smallest, power: float = power) -> Array:
                return np.maximum(_ROOM * size * (distance / reach) ** power, smallest)

            even = graded(even, np.array(corner), wanted)
        return self._snapped(even) if self.corners else even


def _reentrant(shape: Shape) -> dict[tuple[float, ...], float]:
    """Corners with an interior angle ω above π, and the exponent π/ω of the solution there."""
    points, angles = corners(shape)
    reentrant = zip(points.tolist(), angles.tolist(), strict=True)
    return {tuple(point): np.pi / angle for point, angle in reentrant if angle > np.pi}


def convert(source: AnyMesh) -> FiniteMesh:
    """The geometry's mesh as one for finite elements, cells of other kinds cut into simplices.

    Raises ``ReferenceUnavailable`` for cells that are no lines or triangles.
    """
    source = simplices(source)
    if source.kind == "line":
        return _convert_line(source)
    if source.kind not in ("triangle", "triangle6"):
        raise ReferenceUnavailable(
            f"finite elements on a mesh of {source.kind} cells",
            reason="only lines and triangles are solved on",
            mend="mesh the domain with triangles",
        )
    boundaries = {name: facets[:, :2] for name, facets in source.facets.items()}
    middles = None
    if source.kind == "triangle6":
        corners, between = source.cells[:, :3], source.cells[:, 3:]
        edges = np.concatenate([corners[:, [0, 1]], corners[:, [1, 2]], corners[:, [0, 2]]])
        middles = (edges, source.points[between.T.ravel()])
    return triangle_mesh(source.points, source.cells[:, :3], boundaries, middles)


def _convert_line(source: Mesh) -> FiniteMesh:
    if len(source.points) != len(source.cells) + 1:
        raise ReferenceUnavailable(
            "finite elements on several separate intervals",
            reason="they are separate problems",
            mend="declare one problem for each interval",
        )
    order = np.argsort(source.points[:, 0])
    names: dict[int, list[str]] = {int(order[0]): [], int(order[-1]): []}
    for name, facets in source.facets.items():
        for vertex in np.unique(facets):
            names[int(vertex)].append(name)
    left, right = names.values()
    return line_mesh(source.points[order, 0], tuple(left), tuple(right))
