"""A shape that a mesh file describes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import Any, Self

import numpy as np

from .cell_finder import CellFinder
from .checks import positive
from .errors import GeometryError
from .mesh import AnyMesh, Mesh, MixedMesh
from .mesh_distance import MeshDistance
from .mesh_pieces import chosen, in_simplex, mesh_pieces
from .mesh_reader import ReadMesh, read_mesh
from .pieces import BoundaryPiece
from .regions import Regions
from .shapes import Shape, read_names, unknown_name
from .simplices import simplices

# A stated measure may miss the cells' by this part, which curved boundaries cost on straight cells.
_MISS = 1e-2


@dataclass(frozen=True)
class MeshFile(Shape):
    """The region that the cells of a mesh file cover; the formats: ``mesh_formats.FORMATS``.

    Boundary pieces carry the names of the file's groups (``mesh_reader.read_mesh``), ``subdomains`` those of
    groups of cells; ``names`` renames them, name in the file → new name, and ``name`` gives the whole
    boundary one. ``stated`` (in problem files ``measure``) is the area or volume that the file should have.
    Points come through the cells. The file is read when first needed; that it exists is checked at once.
    """

    file: str
    name: InitVar[str | None] = field(default=None, kw_only=True)
    names: Mapping[str, str] | tuple[tuple[str, str], ...] = field(default=(), kw_only=True)
    stated: float | None = field(default=None, kw_only=True, metadata={"entry": "measure"})

    kind = "mesh"

    def __post_init__(self, name: str | None) -> None:
        if not isinstance(self.file, str | Path):
            raise GeometryError(f"a mesh file is {self.file!r}", expected="a path")
        object.__setattr__(self, "file", str(self.file))
        if not Path(self.file).is_file():
            raise GeometryError(
                f"there is no mesh file {self.file!r}", expected="an existing file",
                mend="check the path; in a problem file it counts from that file's folder",
            )  # fmt: skip
        if self.stated is not None:
            object.__setattr__(self, "stated", positive(self.stated, "the measure of a mesh file"))
        object.__setattr__(self, "names", tuple(dict(self.names).items()))
        if name is not None or self.names:
            known = self._own if name is not None else (*self._own, *self._own_regions)
            new = read_names(known, name, dict(self.names))
            changed = tuple((a, b) for a, b in zip(known, new, strict=True) if a != b)
            object.__setattr__(self, "names", changed)

    @cached_property
    def _read(self) -> ReadMesh:
        found = read_mesh(Path(self.file))
        if self.stated is not None and abs(found.mesh.measure - self.stated) > _MISS * self.stated:
            raise GeometryError(
                f"mesh file {self.file!r} measures {found.mesh.measure:.6g}, and {self.stated:.6g} is stated",
                expected=f"a difference of at most {_MISS:.0%}",
                mend="correct `measure`, or the mesh: its unit of length, cells that are missing",
            )
        return found

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on what was done to the mesh when it was read."""
        return self._read.notes

    @cached_property
    def mesh(self) -> AnyMesh:
        """The cells of the file, boundary facets and subdomains under their names."""
        names = dict(self.names)
        regions = {old: new for old, new in self.names if old in self._own_regions}
        blocks = tuple(
            replace(b, facets=_renamed(b.facets, names), subdomains=_renamed(b.subdomains, regions))
            for b in self._read.mesh.blocks
        )
        return blocks[0] if len(blocks) == 1 else MixedMesh(blocks)

    @property
    def _own(self) -> tuple[str, ...]:
        """Names of the boundary in the file."""
        return _each(block.facets for block in self._read.mesh.blocks)

    @property
    def _own_regions(self) -> tuple[str, ...]:
        """Names of subdomains in the file, those that are names of the boundary too left out."""
        return tuple(n for n in _each(b.subdomains for b in self._read.mesh.blocks) if n not in self._own)

    @cached_property
    def simplices(self) -> Mesh:
        """The cells cut into lines, triangles or tetrahedra."""
        return simplices(self.mesh)

    @cached_property
    def regions(self) -> Regions:
        """The named subdomains."""
        return Regions(self.simplices, self._finder)

    @cached_property
    def _finder(self) -> CellFinder:
        return CellFinder(self.simplices)

    @cached_property
    def _distance(self) -> MeshDistance:
        return MeshDistance(self.simplices, self._finder)

    @property
    def subdomains(self) -> tuple[str, ...]:
        """Names of the subdomains, in order of first appearance."""
        return _each(block.subdomains for block in self.mesh.blocks)

    @property
    def dimension(self) -> int:
        return self.mesh.dimension

    @property
    def bounds(self):
        return self.mesh.points.min(axis=0), self.mesh.points.max(axis=0)

    @cached_property
    def measure(self) -> float:
        return self.mesh.measure

    def signed_distance(self, points):
        return self._distance(points)

    @cached_property
    def _pieces(self) -> tuple[BoundaryPiece, ...]:
        return mesh_pieces(self.simplices)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return self._pieces

    def propose(self, unit):
        """Uniform over the simplices that the cells are cut into and, in straight ones, within them."""
        mesh = self.simplices
        cell, local = chosen(mesh.cell_measures, unit)
        nodes = mesh.points[mesh.cells[cell]]
        points = np.einsum("nk,nkd->nd", mesh.element.values(in_simplex(local)), nodes)
        return points, np.ones(len(points), dtype=bool)

    def renamed(self, names: Mapping[str, str]) -> Self:
        for old in names:
            if old not in self.boundary_names:
                raise unknown_name(old, self.boundary_names)
        before = {own: dict(self.names).get(own, own) for own in self._own}
        after = {own: names.get(now, now) for own, now in before.items()}
        return type(self)(self.file, names=dict(self.names) | after, stated=self.stated)

    def to_mapping(self) -> dict[str, Any]:
        entries: dict[str, Any] = {"file": self.file}
        if self.names:
            entries["names"] = dict(self.names)
        if self.stated is not None:
            entries["measure"] = self.stated
        return {"mesh": entries}


def _each(groups: Iterable[Iterable[str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(chain.from_iterable(groups)))


def _renamed(groups: Mapping[str, np.ndarray], names: Mapping[str, str]) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    for old, rows in groups.items():
        found.setdefault(names.get(old, old), []).append(rows)
    return {name: np.concatenate(parts) for name, parts in found.items()}
