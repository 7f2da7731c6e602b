"""What the certified error is built from: bases, exact cells, constants, equilibrium."""

from __future__ import annotations

import numpy as np
import pytest

from pinnkit.geometry.quadrature import simplex_rule
from pinnkit.reference.certified import error_equation
from pinnkit.reference.certified.bases import fluxes, scalars
from pinnkit.reference.certified.cells import Cells
from pinnkit.reference.certified.equilibration import equilibrate
from pinnkit.reference.certified.lift import loads
from pinnkit.reference.certified.samples import facet_positions, sample
from pinnkit.reference.elements import CELL_FACETS, quadrature, tabulate
from pinnkit.reference.meshing import Meshes
from pinnkit.reference.spaces import Space
from tests.validation import perturbed


@pytest.mark.parametrize("dimension", [1, 2, 3])
@pytest.mark.parametrize("degree", [0, 1, 2])
def test_bases(dimension, degree):
    points, weights = simplex_rule(dimension, 2 * degree + 4)
    values, (vectors, divergences) = scalars(degree, points.T), fluxes(degree, points.T)
    assert np.allclose((values * weights) @ values.T, np.eye(len(values)), atol=1e-11)
    assert np.allclose(
        np.einsum("aiq,biq,q->ab", vectors, vectors, weights), np.eye(len(vectors)), atol=1e-10
    )
    assert np.ptp(values[0]) < 1e-12
    # Divergences are all of P_k and nothing else.
    moments = (divergences * weights) @ values.T
    assert np.allclose(moments @ values, divergences, atol=1e-9)
    assert np.linalg.matrix_rank(moments) == len(values)


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_divergence_theorem_and_normal_traces(dimension):
    degree = 2
    points, weights = simplex_rule(dimension, 2 * degree + 2)
    total = fluxes(degree, points.T)[1] @ weights
    along, rule = quadrature(dimension - 1, 2 * degree + 2)
    for facet in CELL_FACETS[dimension]:
        positions, outward = facet_positions(dimension, facet, along)
        through = np.einsum("adq,d->aq", fluxes(degree, positions)[0], outward)
        basis = scalars(degree, along)
        assert np.allclose((through * rule) @ basis.T @ basis, through, atol=1e-9)
        total = total - through @ rule
    assert np.abs(total).max() < 1e-9


def cells_of(case: perturbed.Perturbed, size: float) -> Cells:
    mesh = Meshes(case.problem.domain, 2).first(size)
    return Cells(mesh, case.problem.domain)


ROUND = {"ring": perturbed.ring(1), "ellipse": perturbed.ellipse(), "holed": perturbed.mixed()}


@pytest.mark.parametrize("name", ROUND)
@pytest.mark.parametrize("size", [0.3, 0.1])
def test_cells_cover_round_domains_exactly(name, size):
    cells = cells_of(ROUND[name], size)
    at, weights = quadrature(2, 16)
    jacobian = cells.at(np.arange(len(cells.mesh.cells)), at)[1]
    area = (np.abs(np.linalg.det(jacobian)) * weights).sum()
    assert area == pytest.approx(cells.shape.measure, rel=1e-10)
    assert cells.mesh.measure != pytest.approx(cells.shape.measure, rel=1e-10)
    assert cells.exact


def test_jacobians_of_bent_cells_by_differences():
    cells = cells_of(ROUND["ellipse"], 0.4)
    everything = np.arange(len(cells.mesh.cells))
    at = np.array([[0.2, 0.5, 0.05], [0.3, 0.45, 0.9]])
    jacobian = cells.at(everything, at)[1]
    for axis in range(2):
        step = np.zeros((2, 1))
        step[axis] = 1e-5
        change = cells.at(everything, at + step)[0] - cells.at(everything, at - step)[0]
        assert np.allclose(change / 2e-5, jacobian[..., axis], atol=1e-8)


def test_neighbours_meet():
    cells = cells_of(ROUND["ring"], 0.3)
    mesh = cells.mesh
    along = quadrature(1, 6)[0]
    places = np.full((len(mesh.facets), 2, along.shape[1], 2), np.nan)
    for local, facet in enumerate(CELL_FACETS[2]):
        at = facet_positions(2, facet, along)[0]
        points = cells.at(np.arange(len(mesh.cells)), at)[0]
        numbers = mesh.cell_facets[:, local]
        side = (mesh.facet_cells[numbers, 0] != np.arange(len(mesh.cells))).astype(int)
        places[numbers, side] = points
    inner = mesh.facet_cells[:, 1] >= 0
    assert np.abs(places[inner, 0] - places[inner, 1]).max() < 1e-14
    rim = np.linalg.norm(places[~inner, 0], axis=-1)
    assert np.minimum(np.abs(rim - 1), np.abs(rim - 0.4)).max() < 1e-14


@pytest.mark.parametrize("name", ROUND)
def test_constants_hold_for_polynomials(name):
    cells = cells_of(ROUND[name], 0.3)
    everything = np.arange(len(cells.mesh.cells))
    at, rule = quadrature(2, 12)
    along, line_rule = quadrature(1, 12)
    points, jacobian = cells.at(everything, at)
    weights = np.abs(np.linalg.det(jacobian)) * rule
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal((2, 40))
    shift = points.mean(axis=1)
    for slope_x, slope_y in zip(a, b, strict=True):

        def value(p, shift=shift, slope_x=slope_x, slope_y=slope_y):
            left = p - shift[:, None]
            return left[..., 0] * slope_x + left[..., 1] * slope_y

        steep = np.sqrt(weights.sum(axis=1) * (slope_x**2 + slope_y**2))
        inside = value(points)
        mean = (inside * weights).sum(axis=1) / weights.sum(axis=1)
        spread = np.sqrt(((inside - mean[:, None]) ** 2 * weights).sum(axis=1))
        assert (spread <= cells.poincare * steep).all()
        for local, facet in enumerate(CELL_FACETS[2]):
            positions, outward = facet_positions(2, facet, along)
            there, map_there = cells.at(everything, positions)
            cofactor = np.linalg.inv(map_there).swapaxes(2, 3) * np.linalg.det(map_there)[..., None, None]
            length = np.linalg.norm(cofactor @ outward, axis=2) * line_rule
            values = value(there)
            middle = (values * length).sum(axis=1) / length.sum(axis=1)
            rest = np.sqrt(((values - middle[:, None]) ** 2 * length).sum(axis=1))
            assert (rest <= cells.trace(everything, cells.mesh.cell_facets[:, local]) * steep).all()


@pytest.mark.parametrize(
    "case",
    [
        perturbed.variable(3),
        perturbed.anisotropic(2),
        perturbed.line(2),
        perturbed.box(),
        perturbed.ring_robin(),
    ],
    ids=lambda case: case.name,
)
def test_the_flux_is_in_equilibrium(case):
    """∫ q·∇v + c p v + ∮ β λ v is the residual tested with v, for continuous v of the flux's degree."""
    equation = error_equation(case.problem)
    degree = 1 if equation.dimension == 3 else 2
    mesh = Meshes(case.problem.domain, degree).first(0.4)
    samples = sample(equation, case.solution(0.1), Cells(mesh, case.problem.domain), 2 * degree + 6)
    found = equilibrate(samples, degree)
    space, inside = Space.on(mesh, degree), samples.inside
    table = tabulate(mesh.dimension, degree, inside.reference)
    slopes = np.linalg.solve(inside.jacobian, found.flux[..., None])[..., 0] * inside.weights[..., None]
    local = np.einsum("cqr,sqr->cs", slopes, table[..., 1:])
    local += (inside.reaction * found.potential * inside.weights) @ table[..., 0].T
    tested = np.bincount(space.cell_dofs.ravel(), local.ravel(), minlength=space.size)
    for side, trace in zip(samples.sides, found.traces, strict=True):
        basis = tabulate(mesh.dimension, degree, side.reference)[..., 0]
        part = (side.beta * trace * side.rule * side.density) @ basis.T
        tested += np.bincount(space.cell_dofs[side.cells].ravel(), part.ravel(), minlength=space.size)
    wanted = loads(samples, space)[0]
    free = np.setdiff1d(np.arange(space.size), space.facet_dofs(samples.fixed))
    assert np.abs(wanted[free]).max() > 1e-4
    assert np.abs(tested - wanted)[free].max() < 1e-11 * max(1, np.abs(wanted).max())
