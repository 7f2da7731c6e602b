"""Quadrature on boundaries: points, outward normals and weights that add up to the measure."""

from __future__ import annotations

import numpy as np

from .elements import ELEMENTS
from .errors import GeometryError
from .mesh import Mesh, edges_of
from .mesh_pieces import MeshPiece, mesh_pieces
from .pieces import BoundaryPiece, Clipped, EndPoint
from .quadrature import panels, reference_rule, tensor
from .shapes import BOUNDARY, Shape

# Points, outward unit normals, both (n, d), and weights (n,).
BoundaryRule = tuple[np.ndarray, np.ndarray, np.ndarray]

_FACET_ORDER = 6
_ACROSS = 8  # cells across a solid whose surface is meshed
_PROJECTIONS = 40


def boundary_quadrature(shape: Shape, where: str = BOUNDARY, points_wanted: int = 1000) -> BoundaryRule:
    """A rule of about ``points_wanted`` points on the boundary pieces under a name.

    Whole pieces carry panels of Gauss points in their own parameters; those of a mesh, a rule on every facet,
    so many of them as there are. Pieces of a solid that others cut are meshed, with facets of second order
    whose nodes lie on the exact pieces. The ends of an interval weigh one each.

    Raises ``GeometryError`` for a name that the boundary does not have.
    """
    pieces = shape.pieces_of(where)
    if any(isinstance(piece, Clipped) for piece in pieces):
        return _on_solid(shape, where, points_wanted)
    total = sum(piece.measure for piece in pieces)
    rules = [_rule(piece, points_wanted * piece.measure / total) for piece in pieces]
    points, normals, weights = (np.concatenate(parts) for parts in zip(*rules, strict=True))
    return points, normals, weights


def _rule(piece: BoundaryPiece, wanted: float) -> BoundaryRule:
    if isinstance(piece, MeshPiece):
        return _on_facets(piece.kind, piece.nodes, _sides(piece))
    if isinstance(piece, EndPoint):
        points, normals, _ = piece.propose(np.zeros((1, 1)))
        return points, normals, np.ones(1)
    # Uniform numbers give points uniform in measure, so a rule on the cube is one on the piece.
    axes = piece.dimension - 1
    unit, weights = tensor(*zip(*[panels(0.0, 1.0, wanted ** (1 / axes))] * axes, strict=True))
    points, normals, _ = piece.propose(unit)
    return points, normals, weights * piece.measure


def _on_facets(kind: str, nodes: np.ndarray, sides: np.ndarray) -> BoundaryRule:
    """Facets with ``nodes`` (f, k, d), whose outward normal is ``sides`` (f,) times that of their order."""
    element, d = ELEMENTS[kind], nodes.shape[2]
    at, weights = reference_rule(element, _FACET_ORDER)
    points = element.places(nodes, at)
    normals = _crossed(np.einsum("qkr,fkd->fqrd", element.gradients(at), nodes))
    density = np.linalg.norm(normals, axis=2, keepdims=True)
    outward = normals / density * sides[:, None, None]
    return points.reshape(-1, d), outward.reshape(-1, d), (density[..., 0] * weights).ravel()


def _crossed(tangents: np.ndarray) -> np.ndarray:
    """Normals (…, d) of tangents (…, d − 1, d)."""
    if tangents.shape[-1] == 2:
        return np.stack([tangents[..., 0, 1], -tangents[..., 0, 0]], axis=-1)
    return np.cross(tangents[..., 0, :], tangents[..., 1, :])


def _sides(piece: MeshPiece) -> np.ndarray:
    """Which side the cells are on: ±1 (f,), told from the corners, between which cells are straight."""
    corners = piece.nodes[:, : ELEMENTS[piece.kind].corners]
    last = corners.shape[1] - 1
    tangents = np.stack([corners[:, k] - corners[:, 0] for k in {1, last}], axis=1)
    away = corners.mean(axis=1) - piece.behind
    return np.sign(np.einsum("fd,fd->f", _crossed(tangents), away))


def _on_solid(shape: Shape, where: str, points_wanted: int) -> BoundaryRule:
    """Facets of second order: those of a coarse mesh, cut in four until the points suffice."""
    from .meshing import mesh

    found = mesh(shape, shape.diameter / _ACROSS)
    if not isinstance(found, Mesh):
        raise GeometryError("a shape of cells of several kinds has no exact boundary")
    sides = {piece.name: _sides(piece) for piece in mesh_pieces(found) if isinstance(piece, MeshPiece)}
    surface = _Surface(found, sides)
    while True:
        chosen = np.isin(surface.names, where) if where != BOUNDARY else np.ones(len(surface.names), bool)
        if chosen.sum() * len(reference_rule(ELEMENTS["triangle6"], _FACET_ORDER)[1]) >= points_wanted:
            break
        surface.cut()
    nodes = np.concatenate([surface.points[surface.facets], surface.middles()[surface.of_facet]], axis=1)
    return _on_facets("triangle6", nodes[chosen], surface.sides[chosen])


class _Surface:
    """Triangles on the pieces of a solid's boundary, each with its piece, its name and its outer side."""

    def __init__(self, mesh: Mesh, sides: dict[str, np.ndarray]):
        self.points, self.facets, self.pieces = mesh.points, np.vstack([*mesh.facets.values()]), mesh.pieces
        self.own = np.concatenate([mesh.facet_pieces[name] for name in mesh.facets])
        self.names = np.repeat([*mesh.facets], [len(facets) for facets in mesh.facets.values()])
        self.sides = np.concatenate([sides[name] for name in mesh.facets])
        self._number()

    def _number(self) -> None:
        self.edges, self.of_facet = edges_of(self.facets, ELEMENTS["triangle"].facets)

    def middles(self) -> np.ndarray:
        """Middles (e, 3) of the edges, on the piece there, or where two pieces meet on both."""
        pair = np.full((len(self.edges), 2), -1)
        for number in np.unique(self.own):
            touched = np.unique(self.of_facet[self.own == number])
            free = pair[touched, 0] < 0
            pair[touched[free], 0] = number
            pair[touched[~free], 1] = number
        middles = self.points[self.edges].mean(axis=1)
        for _ in range(_PROJECTIONS):  # onto one piece and the other in turn: to where both meet
            before = middles.copy()
            for column in (0, 1):
                for number in np.unique(pair[pair[:, column] >= 0, column]):
                    rows = pair[:, column] == number
                    middles[rows] = self.pieces[number].project(middles[rows])
            if np.abs(middles - before).max() < 1e-13 * np.abs(middles).max():
                break
        return middles

    def cut(self) -> None:
        """Every triangle cut in four."""
        a, b, c = self.facets.T
        ab, bc, ac = (len(self.points) + self.of_facet[:, side] for side in range(3))
        self.points = np.vstack([self.points, self.middles()])
        children = ((a, ab, ac), (ab, b, bc), (ac, bc, c), (ab, bc, ac))
        self.facets = np.concatenate([np.stack(child, axis=1) for child in children])
        self.own, self.names, self.sides = (np.tile(a, 4) for a in (self.own, self.names, self.sides))
        self._number()
