"""A shape that a mesh file describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np

from .errors import GeometryError
from .mesh import Mesh
from .mesh_pieces import chosen, in_simplex, mesh_distance, mesh_pieces
from .mesh_reader import read_mesh
from .pieces import BoundaryPiece
from .shapes import Shape, read_names, unknown_name


@dataclass(frozen=True)
class MeshFile(Shape):
    """The region that the cells of a ``.msh``, ``.vtu``, ``.xdmf`` or ``.mesh`` file cover.

    Boundary pieces carry the names of the file's groups (``mesh_reader.read_mesh``); ``names`` renames them,
    name in the file → new name, and ``name`` gives them all one. Points come through the cells. The file is
    read when first needed; that it exists is checked at once.
    """

    file: str
    name: InitVar[str | None] = field(default=None, kw_only=True)
    names: Mapping[str, str] | tuple[tuple[str, str], ...] = field(default=(), kw_only=True)

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
        object.__setattr__(self, "names", tuple(dict(self.names).items()))
        if name is not None or self.names:
            own = tuple(self._read.facets)
            new = read_names(own, name, dict(self.names))
            changed = tuple((a, b) for a, b in zip(own, new, strict=True) if a != b)
            object.__setattr__(self, "names", changed)

    @cached_property
    def _read(self) -> Mesh:
        return read_mesh(Path(self.file))

    @cached_property
    def mesh(self) -> Mesh:
        """The cells of the file, boundary facets under their names."""
        names, facets = dict(self.names), {}
        for old, rows in self._read.facets.items():
            facets.setdefault(names.get(old, old), []).append(rows)
        whole = {name: np.vstack(parts) for name, parts in facets.items()}
        return Mesh(self._read.points, self._read.cells, self._read.kind, whole)

    @property
    def dimension(self) -> int:
        return self.mesh.dimension

    @property
    def bounds(self):
        return self.mesh.points.min(axis=0), self.mesh.points.max(axis=0)

    @property
    def measure(self) -> float:
        return self.mesh.measure

    def signed_distance(self, points):
        return mesh_distance(self.mesh, points)

    @cached_property
    def _pieces(self) -> tuple[BoundaryPiece, ...]:
        return mesh_pieces(self.mesh)

    def pieces(self) -> tuple[BoundaryPiece, ...]:
        return self._pieces

    def propose(self, unit):
        """Uniform over the cells and, in straight simplices, within them."""
        element = self.mesh.element
        cell, local = chosen(self.mesh.cell_measures, unit)
        at = in_simplex(local) if element.simplex else local
        points = np.einsum("nk,nkd->nd", element.values(at), self.mesh.points[self.mesh.cells[cell]])
        return points, np.ones(len(points), dtype=bool)

    def renamed(self, names: Mapping[str, str]) -> Self:
        for old in names:
            if old not in self.boundary_names:
                raise unknown_name(old, self.boundary_names)
        before = {own: dict(self.names).get(own, own) for own in self._read.facets}
        return type(self)(self.file, names={own: names.get(now, now) for own, now in before.items()})

    def to_mapping(self) -> dict[str, Any]:
        entries: dict[str, Any] = {"file": self.file}
        return {"mesh": entries | ({"names": dict(self.names)} if self.names else {})}
