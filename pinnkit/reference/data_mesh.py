"""Reference values at the nodes of a mesh, interpolated by the shape functions of its own cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .elements import CELL_EDGES, Array, quadrature, tabulate
from .locate import Locator, PointOutside
from .mesh import FiniteMesh, Index, find_edges, simplex_mesh
from .spaces import Space

if TYPE_CHECKING:
    from .data_files import Wanted

# Vertices of each kind of cell; those of the second order have the middles of their edges besides.
_DIMENSIONS = {"line": 1, "triangle": 2, "tetra": 3, "triangle6": 2, "tetra10": 3, "quad": 2}
_SECOND = {"triangle6", "tetra10"}
_LOWER = {"vertex", "line", "line3", "triangle", "triangle6", "quad", "quad8", "quad9"}


@dataclass(frozen=True, eq=False)
class MeshValues:
    """Unknowns on a mesh: ``coefficients`` name → (times, dofs) in ``spaces``; ``at_nodes`` (times, n).

    ``exact`` tells coefficients of a finite-element solution, between whose nodes nothing is interpolated.
    """

    mesh: FiniteMesh
    nodes: Array
    at_nodes: Mapping[str, Array]
    spaces: Mapping[str, Space]
    coefficients: Mapping[str, Array]
    notes: tuple[str, ...] = ()
    exact: bool = False

    @cached_property
    def _locator(self) -> Locator:
        return Locator(self.mesh)

    def located(self, points: Array) -> tuple[Array, Index, Array]:
        """Which of ``points`` (n, d) lie in the mesh, and the cells and reference coordinates of those."""
        try:
            return np.ones(len(points), bool), *self._locator.locate(points)
        except PointOutside:
            inside = np.array([self._holds(point[None]) for point in points])
            return inside, *self._locator.locate(points[inside])

    def _holds(self, point: Array) -> bool:
        try:
            self._locator.locate(point)
        except PointOutside:
            return False
        return True

    def evaluate(self, name: str, rows: Sequence[int], points: Array) -> Array:
        """Values (rows, n) at ``points`` (n, d) of space, NaN beyond the mesh."""
        inside, cells, reference = self.located(points)
        result = np.full((len(rows), len(points)), np.nan)
        result[:, inside] = self.spaces[name].evaluate(self.coefficients[name][list(rows)], cells, reference)
        return result

    @cached_property
    def weights(self) -> Array:
        """The measure that each node stands for (n,): every cell's in equal parts."""
        reference, weights = quadrature(self.mesh.dimension, 4)
        everything = np.arange(len(self.mesh.cells))
        densities = np.abs(np.linalg.det(self.mesh.jacobian(everything, reference)))
        measures = (densities * weights).sum(axis=1)
        numbers = self.mesh.cells
        if len(self.nodes) > len(self.mesh.points):
            numbers = np.hstack([numbers, len(self.mesh.points) + self.mesh.cell_edges])
        shares = np.repeat(measures / numbers.shape[1], numbers.shape[1])
        return np.bincount(numbers.ravel(), shares, minlength=len(self.nodes))

    def interpolation_error(self, name: str) -> float:
        """Estimated relative error between the nodes, from what cubic interpolation of edges would add.

        At the middle of an edge with nodal slopes g₀ and g₁, averaged over cells, Hermite's cubic differs
        from the mean of its ends by (g₀ − g₁)·(b − a)/8. Of the second order: an eighth of it.
        """
        if self.exact:
            return 0.0
        mesh, values = self.mesh, self.at_nodes[name][-1][: len(self.mesh.points)]
        table = tabulate(mesh.dimension, 1, np.full((mesh.dimension, 1), 1 / (mesh.dimension + 1)))[:, 0, 1:]
        corners = mesh.points[mesh.cells]
        inverse = np.linalg.inv(np.einsum("mvd,vr->mdr", corners, table))
        slopes = np.einsum("mv,vr,mrd->md", values[mesh.cells], table, inverse)
        counts = np.bincount(mesh.cells.ravel(), minlength=len(values))
        at_nodes = np.stack([
            np.bincount(mesh.cells.ravel(), np.repeat(s, mesh.cells.shape[1]), len(values)) / counts
            for s in slopes.T
        ], axis=1)  # fmt: skip
        a, b = mesh.edges.T
        change = ((at_nodes[a] - at_nodes[b]) * (mesh.points[b] - mesh.points[a])).sum(axis=1) / 8
        second = len(self.nodes) > len(mesh.points)
        size = float(np.sqrt(np.mean(values**2))) or 1.0
        return float(np.sqrt(np.mean(change**2))) / size / (8 if second else 1)


def read_mesh_values(wanted: Wanted) -> MeshValues:
    """Point data of a ``.vtu`` file, which holds one moment."""
    import meshio

    if wanted.time is not None:
        raise wanted.bad("a .vtu file holds one moment", "give values at several times as NetCDF or .npz")
    try:
        file = meshio.read(wanted.path)
    except (meshio.ReadError, SystemExit, SyntaxError) as cause:
        raise ValueError(f"no VTU file ({cause})") from cause
    missing = [wanted.called(n) for n in wanted.names if wanted.called(n) not in file.point_data]
    if missing:
        raise wanted.bad(
            f"no point data {', '.join(missing)} among {', '.join(sorted(file.point_data)) or 'none'}",
            f"map them: columns: {{{wanted.names[0]}: …}}",
        )
    values = {n: np.asarray(file.point_data[wanted.called(n)], float) for n in wanted.names}
    vectors = [n for n, v in values.items() if v.size != len(file.points)]
    if vectors:
        raise wanted.bad(
            f"{wanted.called(vectors[0])} is no scalar: {values[vectors[0]].shape}",
            "write components by themselves",
        )
    d = len(wanted.space)
    blocks = [(c.type, c.data) for c in file.cells if _DIMENSIONS.get(c.type) == d]
    others = sorted({c.type for c in file.cells if _DIMENSIONS.get(c.type) != d and not _below(c.type, d)})
    if others or not blocks:
        raise wanted.bad(
            f"cells of kind {', '.join(others) or 'none'}", "write a mesh of triangles, quads or tetrahedra"
        )
    return mesh_values(
        np.asarray(file.points[:, :d], float), blocks, {n: v.reshape(1, -1) for n, v in values.items()}
    )


def _below(kind: str, dimension: int) -> bool:
    """Whether cells of a kind are sides or points of a mesh of that dimension."""
    lower = {"vertex"} | ({"line", "line3"} if dimension > 1 else set())
    return kind in (lower | (_LOWER if dimension > 2 else set()))


def mesh_values(
    points: Array, blocks: Sequence[tuple[str, Index]], values: Mapping[str, Array]
) -> MeshValues:
    """From nodes, blocks (kind, cells) of one dimension and values (times, nodes)."""
    d = points.shape[1]
    notes = []
    second = all(kind in _SECOND for kind, _ in blocks)
    parts = []
    for kind, cells in blocks:
        if kind == "quad":
            parts += [cells[:, [0, 1, 2]], cells[:, [0, 2, 3]]]
            notes.append("quads were cut by a diagonal to interpolate on them")
        else:
            parts.append(cells if second else cells[:, : d + 1])
    cells = np.concatenate(parts)
    corners = cells[:, : d + 1]
    used = np.unique(corners)
    renumber = np.full(len(points), -1, np.int64)
    renumber[used] = np.arange(len(used))
    middles = None
    if second:
        pairs = np.concatenate([corners[:, list(ends)] for ends in CELL_EDGES[d]])
        between = cells[:, d + 1 :].T.ravel()
        middles = (pairs, points[between])
    mesh = simplex_mesh(points, corners, {}, middles)
    nodes = [mesh.points]
    own = {n: [v[:, used]] for n, v in values.items()}
    numbers = mesh.cells
    if second:
        source = np.empty(len(mesh.edges), np.int64)
        source[find_edges(mesh, renumber[pairs])] = between
        nodes.append(points[source])
        for name, value in values.items():
            own[name].append(value[:, source])
        numbers = np.hstack([numbers, len(used) + mesh.cell_edges])
    lost = len(points) - sum(map(len, nodes))
    if lost:
        notes.append(f"{lost} nodes of no cell, or between those of cells of first order, were left out")
    joined = {n: np.concatenate(v, axis=1) for n, v in own.items()}
    space = Space(mesh, 2 if second else 1, numbers, sum(map(len, nodes)))
    return MeshValues(
        mesh, np.concatenate(nodes), joined, dict.fromkeys(values, space), joined, tuple(dict.fromkeys(notes))
    )
