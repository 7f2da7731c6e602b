"""Cells with quadrature: physical points, measures, and the map's derivatives, in space or space and time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..geometry.elements import ELEMENTS, Element
from ..geometry.rules import reference_rule


@dataclass(frozen=True, eq=False)
class MappedPoints:
    """Quadrature points of e cells, q in each.

    ``points`` (e, q, D) with time, where there is one, last; ``weights`` (e, q) hold the measure;
    ``inverse`` (e, q, r, d) is ∂ξ_r/∂x_d in space; ``bend`` (e, q, d, r, s) is ∂²x_d/∂ξ_r∂ξ_s, None where
    all cells are affine; ``normals`` (e, q, d) point outward where the points lie on facets.
    """

    points: np.ndarray
    weights: np.ndarray
    inverse: np.ndarray
    bend: np.ndarray | None
    normals: np.ndarray | None = None

    def over_time(self, slabs: np.ndarray, at: np.ndarray, weights: np.ndarray) -> MappedPoints:
        """All cells in every slab (n, 2) of time, a rule (k,) on [0, 1] in each: e·n cells, q·k points."""
        length = np.diff(slabs, axis=1)
        times, parts = slabs[:, :1] + length * at, length * weights
        e, q = self.weights.shape
        n, k = times.shape
        shape = (e, n, q, k)
        points = np.concatenate(
            [
                np.broadcast_to(self.points[:, None, :, None], (*shape, self.points.shape[2])),
                np.broadcast_to(times[None, :, None, :, None], (*shape, 1)),
            ],
            axis=-1,
        ).reshape(e * n, q * k, -1)

        def spread(values: np.ndarray) -> np.ndarray:
            tail = values.shape[2:]
            return np.broadcast_to(values[:, None, :, None], (*shape, *tail)).reshape(e * n, q * k, *tail)

        return MappedPoints(
            points,
            np.einsum("eq,nk->enqk", self.weights, parts).reshape(e * n, q * k),
            spread(self.inverse),
            None if self.bend is None else spread(self.bend),
            None if self.normals is None else spread(self.normals),
        )


def interior(element: Element, nodes: np.ndarray, points: int) -> tuple[np.ndarray, MappedPoints]:
    """Reference points (q, d) and their images in cells with ``nodes`` (e, k, d); ``points`` an axis."""
    at, weights = reference_rule(element, 2 * points - 1)
    inverse, determinant = _inverses(element, nodes, at)
    return at, MappedPoints(
        element.places(nodes, at), np.abs(determinant) * weights, inverse, _bend(element, nodes, at)
    )


def on_side(element: Element, nodes: np.ndarray, side: int, points: int) -> tuple[np.ndarray, MappedPoints]:
    """The same on one facet, with outward normals; weights hold the facet's measure."""
    facet = ELEMENTS[element.facet]
    corners = np.array(element.nodes, float)[list(element.facets[side])].reshape(-1, element.dimension)
    along, weights = reference_rule(facet, 2 * points - 1)
    at = facet.places(corners[None], along)[0]
    outward = _outward(element, facet, corners, along)
    inverse, determinant = _inverses(element, nodes, at)
    # Nanson: n da = det J · J⁻ᵀ n₀ da₀
    turned = np.abs(determinant)[..., None] * np.einsum("eqrd,qr->eqd", inverse, outward)
    size = np.linalg.norm(turned, axis=2)
    places, normals = element.places(nodes, at), turned / size[..., None]
    return at, MappedPoints(places, size * weights, inverse, _bend(element, nodes, at), normals)


def _inverses(element: Element, nodes: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """∂ξ_r/∂x_d (e, q, r, d) and the determinants (e, q) of ∂x_d/∂ξ_r."""
    jacobian = np.einsum("qkr,ekd->eqdr", element.gradients(at), nodes)
    return np.linalg.inv(jacobian), np.linalg.det(jacobian)


def _bend(element: Element, nodes: np.ndarray, at: np.ndarray) -> np.ndarray | None:
    second = np.einsum("qkrs,ekd->eqdrs", element.hessians(at), nodes)
    size = np.ptp(nodes, axis=1).max()
    return second if np.abs(second).max(initial=0.0) > 1e-12 * size else None


def _outward(element: Element, facet: Element, corners: np.ndarray, along: np.ndarray) -> np.ndarray:
    """Outward normals (q, d) of a facet of the reference cell, as long as its map stretches measure."""
    if element.dimension == 1:
        normals = np.ones((len(along), 1))
    else:
        tangents = np.einsum("qkr,kd->rqd", facet.gradients(along), corners)
        flat = element.dimension == 2
        normals = tangents[0][:, ::-1] * [1, -1] if flat else np.cross(tangents[0], tangents[1])
    middle = np.array(element.nodes, float)[: element.corners].mean(axis=0)
    return normals * np.sign(normals[:1] @ (corners.mean(axis=0) - middle))
