"""Meshes of a problem's domain for finite elements, and the finer ones that follow them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..geometry.carriers import Plane
from ..geometry.corners import corners
from ..geometry.mesh import AnyMesh, Mesh
from ..geometry.mesh_file import MeshFile
from ..geometry.meshing import mesh
from ..geometry.shapes import Shape
from ..geometry.simplices import simplices
from .base import ReferenceUnavailable
from .elements import CELL_EDGES, Array
from .fitting import fitted
from .interfaces import NO_INTERFACES, Interfaces
from .mesh import FiniteMesh, line_mesh, simplex_mesh
from .refine import graded, halved, halved_where
from .settling import settled
from .snapping import Carrier, snapped, untangled
from .splitting import split

# Finer than this, relative to the domain, nothing is gained in double precision.
_SMALLEST_CELL = 1e-9
# Measured on the L-shape: the most accuracy for the unknowns spent.
_ROOM = 4.0


class Meshes:
    """A sequence of meshes of one domain, each twice as fine as the one before.

    Boundary nodes of every mesh lie on the exact shape. Around re-entrant corners cells shrink faster
    than elsewhere, so that the singularity there does not set the rate. Cells of lines and planes end at
    ``interfaces``, where coefficients jump.
    """

    def __init__(
        self,
        shape: Shape,
        degree: int,
        periodic: tuple[int, ...] = (),
        interfaces: Interfaces = NO_INTERFACES,
    ):
        self.shape, self.degree, self.periodic, self.interfaces = shape, degree, periodic, interfaces
        self._fitted_to: tuple[str, ...] = ()
        self.corners = _reentrant(shape) if shape.dimension == 2 else {}
        self._carriers: list[Carrier] = []
        if shape.dimension > 1 and not isinstance(shape, MeshFile):
            carriers = list(dict.fromkeys(p.carrier for p in shape.pieces()))
            if not all(isinstance(c, Plane) for c in carriers):
                self._carriers = [c.project for c in carriers]

    @property
    def notes(self) -> tuple[str, ...]:
        """What was made of the cells of a mesh file, and of interfaces."""
        given = self.shape.mesh if isinstance(self.shape, MeshFile) else None
        others = [b for b in given.blocks if not b.element.simplex] if given is not None else []
        cut = " and ".join(f"{len(block.cells)} cells of kind {block.kind}" for block in others)
        made = (f"{cut} were cut into simplices for finite elements",) if others else ()
        return (*made, *self._fitted_to)

    def first(self, size: float) -> FiniteMesh:
        """A mesh of about the given cell size."""
        found = convert(mesh(self.shape, size, periodic=self.periodic))
        if self._carriers and found.dimension == 3:
            found = split(found, self._carriers)
        even = self._snapped(replace(found, periodic=self.periodic))
        even, self._fitted_to = fitted(even, self.interfaces, self._carriers, self.periodic)
        return self._graded(self._snapped(even), size)

    def finer(self, coarse: FiniteMesh, size: float) -> FiniteMesh:
        """Every cell of ``coarse`` halved; ``size`` is the new cell size."""
        return self._graded(self._snapped(halved(coarse)), size)

    def fitted_to(self, coarse: FiniteMesh, chosen: NDArray[np.bool_]) -> FiniteMesh:
        """The chosen cells of ``coarse`` halved, and those that keep the mesh conforming."""
        return self._snapped(halved_where(coarse, chosen))

    def graded_at(
        self, exponents: Mapping[tuple[float, ...], float], even: FiniteMesh, size: float
    ) -> FiniteMesh:
        """A mesh graded towards further points, as all that follow are; with the α of a solution like r^α."""
        near = 1e-9 * even.extent
        for point, exponent in exponents.items():
            known = next((c for c in self.corners if np.linalg.norm(np.subtract(c, point)) < near), point)
            self.corners[known] = min(exponent, self.corners.get(known, 1.0))
        return self._graded(even, size) if exponents else even

    def _snapped(self, rough: FiniteMesh) -> FiniteMesh:
        smooth = snapped(rough, self._carriers) if self._carriers else rough
        return settled(smooth, self.interfaces.fixed, self._carriers)

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

    A mesh of second order becomes a curved one; edges whose middles would turn a cell inside out are
    straightened. Raises ``ReferenceUnavailable`` for cells that are inside out even so.
    """
    source = simplices(source)
    if source.kind == "line":
        return _convert_line(source)
    d = source.dimension
    boundaries = {name: facets[:, :d] for name, facets in source.facets.items()}
    corners, between = source.cells[:, : d + 1], source.cells[:, d + 1 :]
    middles = None
    if between.size:
        edges = np.concatenate([corners[:, list(ends)] for ends in CELL_EDGES[d]])
        middles = (edges, source.points[between.T.ravel()])
    return untangled(simplex_mesh(source.points, corners, boundaries, middles))


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
