"""Tests that span cells: against finite elements assembled elsewhere, a plain loop, and through a solver."""

from __future__ import annotations

import equinox as eqx
import jax
import meshio
import numpy as np
import pytest
import skfem
import sympy as sp
from skfem.helpers import dot, grad

import pinnkit as pk
from pinnkit import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.geometry.structured import bricks
from pinnkit.solvers import get
from pinnkit.training.least_squares import LeastSquares
from pinnkit.variational.patches import PatchTests

from .functions import Given, posed, rows_of, x, y

SQUARE = pk.Rectangle((0, 0), (1, 2))
EXACT = 1 + x**2 * y - y**2
TRIED = EXACT + x * y


def assembled(mesh, nodes):
    """∫ (1 + u²)∇u·∇φ + (u u_x − f) φ − ∮ φ g of the tried function, hat by hat, by scikit-fem."""
    u, exact = (sp.lambdify([x, y], e) for e in (TRIED, EXACT))
    ux, uy = (sp.lambdify([x, y], TRIED.diff(v)) for v in (x, y))
    flux = [(1 + EXACT**2) * EXACT.diff(v) for v in (x, y)]
    left = -flux[0].diff(x) - flux[1].diff(y) + EXACT * EXACT.diff(x)
    f, gx, gy = (sp.lambdify([x, y], e) for e in (left, EXACT.diff(x), EXACT.diff(y)))
    basis = skfem.Basis(mesh, skfem.ElementQuad1(), intorder=11)

    @skfem.LinearForm
    def inside(v, w):
        a, b = w.x
        slope = np.stack([ux(a, b), uy(a, b)])
        return (1 + u(a, b) ** 2) * dot(slope, grad(v)) + (u(a, b) * ux(a, b) - f(a, b)) * v

    @skfem.LinearForm
    def slopes(v, w):
        a, b = w.x
        across = gx(a, b) * w.n[0] + gy(a, b) * w.n[1]
        return -(1 + u(a, b) ** 2) * across * v

    @skfem.LinearForm
    def robin(v, w):  # 2u + 3∂ₙu is given
        a, b = w.x
        across = gx(a, b) * w.n[0] + gy(a, b) * w.n[1] + 2 / 3 * (exact(a, b) - u(a, b))
        return -(1 + u(a, b) ** 2) * across * v

    found = inside.assemble(basis)
    ends = {"right": (lambda p: np.isclose(p[0], 1), slopes), "top": (lambda p: np.isclose(p[1], 2), robin)}
    for on, form in ends.values():
        facets = mesh.facets_satisfying(on, boundaries_only=True)
        found += form.assemble(basis.boundary(facets, intorder=11))
    return found[nodes]


def declared():
    """Values on two boundaries, a slope and Robin data on one each, for the equations of ``mixed``."""
    u = pk.unknown("u", x, y)
    flux = [(1 + u**2) * u.diff(v) for v in (x, y)]
    left = -sp.Derivative(flux[0], x) - sp.Derivative(flux[1], y) + u * u.diff(x)
    across = sum(pk.normal(v) * EXACT.diff(v) for v in (x, y))
    return pk.Problem(
        name="mixed", domain=SQUARE, equations=[sp.Eq(left, left.subs(u, EXACT).doit())],
        conditions=[
            pk.Dirichlet(u, EXACT, where="left"), pk.Dirichlet(u, EXACT, where="bottom"),
            pk.Neumann(u, across, where="right"), pk.Robin(u, 2, 3, 2 * EXACT + 3 * across, where="top"),
        ],
    )  # fmt: skip


def two_kinds(folder):
    """Three by two cells, one of which is cut into triangles, one of the two nodes inside moved."""
    points = np.array([(i, j, 0.0) for j in range(3) for i in range(4)])
    points[6, :2] += 0.2, -0.1
    quads = [(k, k + 1, k + 5, k + 4) for k in (0, 1, 2, 4, 5)]
    triangles = [(6, 7, 11), (6, 11, 10)]
    meshio.Mesh(points, [("quad", quads), ("triangle", triangles)]).write(folder / "two.vtu")
    return pk.MeshFile(folder / "two.vtu").mesh


def by_loops(mesh, at):
    """∫ (v + (1, 2)·∇v) and ∫ |∇v|² of the tests inside, ascending, by maps written out."""
    at_line, weights = np.polynomial.legendre.leggauss(3)
    line, weights = (at_line + 1) / 2, weights / 2
    totals: dict[tuple[int, ...], np.ndarray] = {}
    for block in mesh.blocks:
        for cell in block.cells:
            corners = block.points[cell]
            for a, wa in zip(line, weights, strict=True):
                for b, wb in zip(line, weights, strict=True):
                    add_point(totals, cell, corners, a, b, wa * wb, at)
    sides = {(1, 5), (5, 9), (2, 6), (6, 10), (4, 5), (5, 6), (6, 7), (6, 11)}
    inside = {(5,), (6,)} if at == "nodes" else sides
    return np.array([totals[key] for key in sorted(inside)]).T


def add_point(totals, cell, corners, a, b, weight, at):
    """What one point adds for all functions of its cell; triangles as squares with one side shrunk."""
    if len(cell) == 4:
        hats = np.array([(1 - a) * (1 - b), a * (1 - b), a * b, (1 - a) * b])
        slopes = np.array([(b - 1, a - 1), (1 - b, -a), (b, a), (-b, 1 - a)])
        # across a side linear, along it the bubble of 6 s (s − 1)
        p, q, dp, dq = 6 * a * (a - 1), 6 * b * (b - 1), 12 * a - 6, 12 * b - 6
        sides = {(0, 1): (p * (1 - b), (dp * (1 - b), -p)), (1, 2): (a * q, (q, a * dq)),
                 (2, 3): (p * b, (dp * b, p)), (3, 0): ((1 - a) * q, (-q, (1 - a) * dq))}  # fmt: skip
    else:
        a, b, weight = a, b * (1 - a), weight * (1 - a)
        hats, slopes = np.array([1 - a - b, a, b]), np.array([(-1, -1), (1, 0), (0, 1)])
        sides = {(i, j): (hats[i] * hats[j], hats[i] * slopes[j] + hats[j] * slopes[i])
                 for i, j in ((0, 1), (1, 2), (2, 0))}  # fmt: skip
    map_ = corners.T @ slopes
    functions = {(i,): (hats[i], slopes[i]) for i in range(len(cell))} if at == "nodes" else sides
    for local, (value, slope) in functions.items():
        key = tuple(sorted(int(cell[i]) for i in local))
        true = np.linalg.solve(map_.T, np.array(slope))
        part = weight * abs(np.linalg.det(map_)) * np.array([value + true @ [1.0, 2.0], true @ true])
        totals[key] = totals.get(key, 0) + part


@pytest.fixture(scope="module")
def tested():
    problem = declared()
    with numerics():
        blocks = posed(problem, cells={"counts": [3, 4]}, tests={"on": "nodes", "quadrature": 7})
        rows = rows_of(blocks, Given(problem, {"u": TRIED}))
    return {name: np.asarray(found)[:, 0, 0] for name, found in rows.items()}


def test_hats_give_the_residual_of_finite_elements(tested):
    cells = bricks(SQUARE, (3, 4))
    mesh = skfem.MeshQuad(cells.points.T, cells.cells.T)
    a, b = cells.points.T
    inner = (a > 1e-9) & (a < 1 - 1e-9)
    interior = np.flatnonzero(inner & (b > 1e-9) & (b < 2 - 1e-9))
    right = np.flatnonzero((a > 1 - 1e-9) & (b > 1e-9) & (b < 2 - 1e-9))
    top = np.flatnonzero(inner & (b > 2 - 1e-9))
    pairs = {"equations": interior, "flux through right": right, "flux through top": top}
    for name, nodes in pairs.items():
        expected = assembled(mesh, nodes)
        np.testing.assert_allclose(tested[name], expected, rtol=0, atol=1e-12 * np.abs(expected).max())
        assert np.abs(expected).max() > 1e-2


@pytest.mark.parametrize("at", ["nodes", "sides"])
def test_patches_equal_a_plain_loop_on_a_mesh_of_two_kinds(at, tmp_path):
    """∫ (v + (1, 2)·∇v) and its dual norm, test by test, on triangles beside quadrilaterals."""
    with numerics():
        mesh = two_kinds(tmp_path)
        (bucket,) = PatchTests(mesh, at, 3, None).interior(["gradient"])
        part = bucket.inside
        value, gradient = np.asarray(part.tables.value), np.asarray(part.tables.gradient)
    slopes = np.einsum("eqrd,ertq->etqd", part.mapped.inverse, gradient)[:, 0]
    found = np.einsum("eq,eq->e", part.mapped.weights, value[:, 0] + slopes @ [1.0, 2.0])
    gram = np.einsum("eq,eqd->e", part.mapped.weights, slopes**2)
    expected, energy = by_loops(mesh, at)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(gram, energy, rtol=1e-12)
    np.testing.assert_allclose(bucket.whitening["gradient"][:, 0, 0], energy**-0.5, rtol=1e-12)


def square(**options):
    u, solver = pk.unknown("u", x, y), get("hp_vpinn")
    problem = pk.Problem(
        name="square", domain=pk.Rectangle((0, 0), (1, 1)), conditions=[pk.Dirichlet(u, 0)],
        equations=[sp.Eq(-pk.laplacian(u), 2 * sp.pi**2 * sp.sin(sp.pi * x) * sp.sin(sp.pi * y))],
    )  # fmt: skip
    return solver.build(problem, solver.options.model_validate(options), 0)


@pytest.mark.parametrize("at", ["nodes", "sides"])
def test_rows_of_patches_are_differentiated_one_by_one(at):
    """Rows, their Jacobian and the chunks of Gauss–Newton fit together."""
    with numerics():
        posed = square(
            network={"width": 4, "depth": 1}, cells={"counts": [4, 4]}, tests={"on": at},
            optimizer=["levenberg_marquardt"],
        ).least_squares  # fmt: skip
        theta = posed.theta
        gram, slope, loss = eqx.filter_jit(LeastSquares.normal_equations)(posed, theta)
        rows, jacobian = posed.residual(theta), eqx.filter_jit(LeastSquares.jacobian)(posed, theta)
        expected = eqx.filter_jit(lambda p, t: jax.jacfwd(p.residual)(t))(posed, theta)
        gram, slope, loss, rows, jacobian, expected = map(
            np.asarray, (gram, slope, loss, rows, jacobian, expected)
        )
    assert posed.blocks[0].count >= {"nodes": 9, "sides": 24}[at]
    np.testing.assert_allclose(jacobian, expected, rtol=0, atol=1e-12 * np.abs(expected).max())
    np.testing.assert_allclose(gram, jacobian.T @ jacobian, rtol=0, atol=1e-12 * np.abs(gram).max())
    np.testing.assert_allclose(slope, jacobian.T @ rows, rtol=0, atol=1e-12 * np.abs(slope).max())
    assert float(loss) == pytest.approx(float(rows @ rows))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"form": 3}, "form 3"), ({"refine": {"rounds": 1}}, "refined cells"),
        ({"tests": {"on": "nodes", "order": 3}}, "order 3"), ({"cells": {"counts": [1, 4]}}, "no node"),
        ({"tests": {"on": "nodes", "quadrature": 1}}, "1 quadrature point"),
    ],
)  # fmt: skip
def test_what_tests_on_nodes_cannot_be_is_refused(options, said):
    with pytest.raises(DeclarationError, match=said):
        square(**{"tests": {"on": "nodes"}, **options})
