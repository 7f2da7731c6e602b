"""Coefficients and residuals of a solution at the quadrature points of one mesh."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..elements import CELL_FACETS, Array, quadrature
from ..mesh import Index
from .cells import Cells
from .equation import Candidate, ErrorEquation, unavailable

_NEGATIVE = -1e-12  # relative: coefficients below are negative beyond rounding


@dataclass(frozen=True, eq=False)
class Inside:
    """At points (c, q) of all cells: reference positions (d, q) and weights (q,), Jacobian and |det|,
    A, c, σ r, σ F, σ div F, the energy density of u_h."""

    reference: Array
    rule: Array
    jacobian: Array
    density: Array
    matrix: Array
    reaction: Array
    residual: Array
    flux: Array
    divergence: Array
    energy: Array

    @property
    def weights(self) -> Array:
        """Quadrature weights (c, q), the measure included."""
        return self.rule * self.density


@dataclass(frozen=True, eq=False)
class Side:
    """Boundary facets under natural conditions that have one place in their cells: at points (f, q) the
    measure ``density``, β, σ γ and σ F·n; ``outward`` is the reference facet's normal times its measure."""

    facets: Index
    cells: Index
    local: int
    along: Array
    reference: Array
    rule: Array
    outward: Array
    density: Array
    beta: Array
    residual: Array
    flux: Array
    energy: Array


@dataclass(frozen=True, eq=False)
class Samples:
    """All that the bounds need to know of a solution on one mesh."""

    cells: Cells
    inside: Inside
    sides: tuple[Side, ...]
    fixed: Index

    @property
    def energy(self) -> float:
        """Square of the energy norm of u_h."""
        total = float((self.inside.weights * self.inside.energy).sum())
        return total + sum(float((s.rule * s.density * s.energy).sum()) for s in self.sides)


def facet_positions(dimension: int, vertices: tuple[int, ...], along: Array) -> tuple[Array, Array]:
    """Positions (d, q) on a facet of the reference cell, and its outward normal times its measure (d,).

    The measure counts parameters ``along`` (d − 1, q), which run from the lowest vertex to the others.
    """
    corners = np.vstack([np.zeros(dimension), np.eye(dimension)])
    start = corners[vertices[0]]
    edges = (corners[list(vertices[1:])] - start).reshape(dimension - 1, dimension)
    opposite = corners[next(v for v in range(dimension + 1) if v not in vertices)]
    if dimension == 1:
        normal = np.array([1.0])
    elif dimension == 2:
        normal = np.array([edges[0, 1], -edges[0, 0]])
    else:
        normal = np.cross(edges[0], edges[1])
    normal = normal * np.sign(normal @ (start - opposite))
    return np.ascontiguousarray(start[:, None] + edges.T @ along), normal


@dataclass(frozen=True, eq=False)
class _Place:
    """Points of one kind and place before the solution is known there; ``name`` is empty inside."""

    name: str
    local: int
    facets: Index
    cells: Index
    reference: Array
    rule: Array
    along: Array
    outward: Array
    points: Array
    jacobian: Array


def sample(equation: ErrorEquation, candidate: Candidate, cells: Cells, order: int) -> Samples:
    """Evaluate a solution and the coefficients with quadrature of an order.

    Raises ``ReferenceUnavailable`` for coefficients with the wrong sign and for what is not finite.
    """
    mesh = cells.mesh
    held = np.unique(np.concatenate([np.empty(0, np.int64), *map(mesh.named, equation.essential)]))
    places = [_inner(cells, order)]
    for name in equation.natural:
        places += _outer(cells, name, np.setdiff1d(mesh.named(name), held), order)
    flat = np.concatenate([p.points.reshape(-1, mesh.dimension) for p in places])
    jets = equation.jets_of(candidate, flat)
    ends = np.cumsum([p.points.shape[0] * p.points.shape[1] for p in places])
    inner, *outer = np.split(jets, ends[:-1])
    sides = tuple(_side(equation, place, own) for place, own in zip(places[1:], outer, strict=True))
    return Samples(cells, _inside(equation, places[0], inner), sides, held)


def _inner(cells: Cells, order: int) -> _Place:
    d, everything = cells.mesh.dimension, np.arange(len(cells.mesh.cells))
    reference, rule = quadrature(d, order)
    nothing = np.empty(0)
    points, jacobian = cells.at(everything, reference)
    return _Place("", -1, everything, everything, reference, rule, nothing, nothing, points, jacobian)


def _outer(cells: Cells, name: str, facets: Index, order: int) -> list[_Place]:
    mesh = cells.mesh
    owners = mesh.facet_cells[facets, 0]
    local = np.argmax(mesh.cell_facets[owners] == facets[:, None], axis=1)
    along, rule = quadrature(mesh.dimension - 1, order)
    places = []
    for number, vertices in enumerate(CELL_FACETS[mesh.dimension]):
        chosen = np.flatnonzero(local == number)
        if chosen.size:
            reference, outward = facet_positions(mesh.dimension, vertices, along)
            at = cells.at(owners[chosen], reference)
            places.append(
                _Place(name, number, facets[chosen], owners[chosen], reference, rule, along, outward, *at)
            )
    return places


def _inside(equation: ErrorEquation, place: _Place, jets: Array) -> Inside:
    d, shape = equation.dimension, place.points.shape[:2]
    found = equation.inside(place.points.reshape(-1, d), jets)
    _check(equation, found, found[d * d])
    matrix = np.stack(found[: d * d], axis=-1).reshape(*shape, d, d)
    reaction, residual = (f.reshape(shape) for f in found[d * d : d * d + 2])
    flux = np.stack(found[d * d + 2 : -1], axis=-1).reshape(*shape, d)
    value, slopes = jets[:, 0].reshape(shape), jets[:, 1 : 1 + d].reshape(*shape, d)
    energy = np.einsum("cqi,cqij,cqj->cq", slopes, matrix, slopes) + reaction * value**2
    density = np.abs(np.linalg.det(place.jacobian))
    return Inside(
        place.reference, place.rule, place.jacobian, density, matrix, np.maximum(reaction, 0), residual, flux,
        found[-1].reshape(shape), energy,
    )  # fmt: skip


def _side(equation: ErrorEquation, place: _Place, jets: Array) -> Side:
    d, shape = equation.dimension, place.points.shape[:2]
    # n ds = |det J| J⁻ᵀ n̂ dŝ
    scaled = (
        np.abs(np.linalg.det(place.jacobian))[..., None]
        * np.linalg.solve(
            np.swapaxes(place.jacobian, 2, 3), np.broadcast_to(place.outward, place.points.shape)[..., None]
        )[..., 0]
    )
    density = np.linalg.norm(scaled, axis=2)
    normals = (scaled / density[..., None]).reshape(-1, d)
    found = equation.on_natural(place.name, place.points.reshape(-1, d), normals, jets)
    _check(equation, found, found[0])
    beta, residual, flux = (f.reshape(shape) for f in found)
    return Side(
        place.facets, place.cells, place.local, place.along, place.reference, place.rule, place.outward,
        density, np.maximum(beta, 0), residual, flux, beta * jets[:, 0].reshape(shape) ** 2,
    )  # fmt: skip


def _check(equation: ErrorEquation, values: list[Array], coefficient: Array) -> None:
    """Refuse what is not finite, and a negative reaction or Robin coefficient."""
    if not all(np.isfinite(v).all() for v in values):
        raise unavailable(equation.problem, "its coefficients or data are not finite somewhere")
    if coefficient.min(initial=0.0) < _NEGATIVE * np.abs(coefficient).max(initial=0.0):
        raise unavailable(
            equation.problem,
            "what multiplies the unknown itself, in its equation or a Robin condition, is negative somewhere",
        )
