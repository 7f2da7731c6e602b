"""Finite elements of steady problems: orders, gradients, systems, singular corners, refusals."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sps
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable
from pinnkit.geometry.meshing import mesh
from pinnkit.geometry.sampling import interior
from pinnkit.simulate.compiled import compiled
from pinnkit.simulate.finite_element import FiniteElements
from pinnkit.simulate.mesh_field import MeshField
from pinnkit.simulate.sparse_direct import SparseDirect
from pinnkit.simulate.steady import SteadyOptions, solve, solve_steady
from pinnkit.simulate.steady_gradients import check_gradients

x, y = pk.coordinates("x y")
u, v = pk.unknown("u", x, y), pk.unknown("v", x, y)
a = pk.unknown("a", x, y, infer=True)
k = pk.parameter("k", 2.0)
RING = pk.Rectangle((-1, -1), (1, 1)) - pk.Disk((0, 0), 0.4, name="hole")
EXACT = sp.exp(x) * sp.cos(2 * y)
KINDS = {"hole": "neumann", "left": "dirichlet", "right": "dirichlet", "top": "robin", "bottom": "dirichlet"}
NONLINEAR = pk.manufactured(
    "ring", RING, [-pk.div((1 + u**2) * pk.grad(u)) + k * u.diff(x) + u**3], {u: EXACT}, KINDS
)
SQUARE = pk.Rectangle((0, 0), (1, 1))


def solved(problem, own, degree):
    elements = FiniteElements(problem, own, degree)
    values = compiled(elements.solve)(elements.declared())
    return MeshField(elements.names, own, elements.degrees, np.asarray(values))


@pytest.mark.parametrize("degree", [1, 3])
def test_errors_fall_by_one_order_more_than_the_degree_on_curved_boundaries(degree):
    points = interior(RING, 1000, seed=0)
    truth = np.exp(points[:, 0]) * np.cos(2 * points[:, 1])
    own, errors = mesh(RING, 0.4), []
    for _ in range(2):
        errors.append(np.sqrt(np.mean((solved(NONLINEAR, own, degree)(points)["u"] - truth) ** 2)))
        own = own.refined()
    assert np.log2(errors[0] / errors[1]) == pytest.approx(degree + 1, abs=0.25)


def test_derivatives_in_curved_cells():
    points = interior(pk.Disk((0, 0), 1), 500, seed=1)
    exact = sp.sin(x + y) + x**2 * y
    problem = pk.manufactured("disk", pk.Disk((0, 0), 1), [-pk.laplacian(u)], {u: exact}, "dirichlet")
    field = solved(problem, mesh(problem.domain, 0.2), 3)
    found = field.derivatives(points, ((0, 0), (1, 0), (1, 1), (0, 2)))["u"]
    for column, index, bound in ((0, (), 5e-5), (1, (x,), 2e-3), (2, (x, y), 0.1), (3, (y, y), 0.1)):
        truth = sp.lambdify((x, y), sp.diff(exact, *index) if index else exact)(*points.T)
        np.testing.assert_allclose(found[:, column], truth, atol=bound)
    with pytest.raises(ValueError, match="order two"):
        field.derivatives(points, ((3, 0),))
    kept = MeshField.from_arrays(["u"], field.arrays())
    np.testing.assert_array_equal(kept(points)["u"], field(points)["u"])


def test_corners_where_derivatives_are_singular_are_resolved():
    """max u = 0.149412 on the L-shape (own reference, and the published 0.14941)."""
    shape = pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1))
    problem = pk.Problem("l", shape, [sp.Eq(-pk.laplacian(u), 1)], [pk.Dirichlet(u, 0)])
    found = solve_steady(problem, SteadyOptions(tolerance=1e-4))
    line = np.linspace(-0.9, -0.1, 200)
    grid = np.stack(np.meshgrid(line, line), -1).reshape(-1, 2)
    assert found.field(grid)["u"].max() == pytest.approx(0.1494124, abs=1e-5)
    assert found.error < 1e-4


def test_a_system_with_a_pressure_known_up_to_a_constant():
    """Kovasznay's flow (1948): Taylor–Hood elements, the pressure held at a corner by its value."""
    rate = 5 - sp.sqrt(25 + 4 * sp.pi**2)
    p = pk.unknown("p", x, y)
    flow = [1 - sp.exp(rate * x) * sp.cos(2 * sp.pi * y),
            rate / (2 * sp.pi) * sp.exp(rate * x) * sp.sin(2 * sp.pi * y)]  # fmt: skip
    nu, domain = sp.Rational(1, 10), pk.Rectangle((-0.5, -0.5), (1, 1.5))
    equations = [
        u * w.diff(x) + v * w.diff(y) + p.diff(c) - nu * pk.laplacian(w) for w, c in ((u, x), (v, y))
    ]
    pressure = (1 - sp.exp(2 * rate * x)) / 2
    problem = pk.Problem(
        "kovasznay", domain, [*equations, u.diff(x) + v.diff(y)],
        [pk.Dirichlet(u, flow[0]), pk.Dirichlet(v, flow[1]),
         pk.PointValue(p, pressure.subs(x, sp.Rational(-1, 2)), at=(-0.5, -0.5))],
    )  # fmt: skip
    field = solved(problem, mesh(domain, 0.2), 3)
    points = interior(domain, 500, seed=0)
    for name, exact, bound in (("u", flow[0], 2e-2), ("v", flow[1], 2e-2), ("p", pressure, 0.1)):
        off = field(points)[name] - sp.lambdify((x, y), exact)(*points.T)
        assert np.abs(off - (off.mean() if name == "p" else 0)).max() < bound
    corner = field(np.array([[-0.5, -0.5]]))["p"]
    np.testing.assert_allclose(corner, float(pressure.subs(x, -0.5)), rtol=1e-9)


CASES = {
    "linear, a field with its slope": pk.Problem(
        "p", SQUARE, [-a * pk.laplacian(u) - a.diff(x) * u.diff(x) - 1], [pk.Dirichlet(u, 0)],
        [pk.Observations(u, "unread.csv")],
    ),
    "a nonlinear system, a parameter also on boundaries": pk.Problem(
        "p", SQUARE, [-pk.div((1 + k * u**2) * pk.grad(u)) + v**2 - k, -k * pk.laplacian(v) - u],
        [pk.Dirichlet(u, 0), pk.Dirichlet(v, k * x, where="left"), pk.Robin(v, k, 1, x, where="top"),
         pk.Neumann(v, 0, where="right"), pk.Neumann(v, 0, where="bottom")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_every_gradient_has_a_remainder_of_second_order(case):
    tests = check_gradients(CASES[case], SteadyOptions(degree=2, cells=2))
    expected = {"load", "field a" if "field" in case else "parameter k"}
    assert {test.what for test in tests} == expected
    assert {test.adjoint for test in tests} == {"reverse mode", "forward mode"}
    assert all(test.passed for test in tests), "\n".join(map(str, tests))


@pytest.mark.parametrize("pivoted", [False, True])
def test_sparse_solves_transposes_and_batches(pivoted):
    draw = np.random.default_rng(0)
    dense = np.asarray(sps.random_array((30, 30), density=0.1, rng=draw).toarray()) + 5 * np.eye(30)
    rows, columns = np.nonzero(dense + dense.T)
    solver = SparseDirect(rows, columns, 30, pivoted)
    entries, right = jnp.asarray(dense[rows, columns]), jnp.asarray(draw.normal(size=(4, 30)))

    def solution(given, vector):
        return solver.solve(solver.values(given), vector)

    np.testing.assert_allclose(solution(entries, right[0]), np.linalg.solve(dense, right[0]), rtol=1e-9)
    found = jax.vmap(lambda b: solution(entries, b))(right)
    np.testing.assert_allclose(found.T, np.linalg.solve(dense, np.asarray(right).T), rtol=1e-9)
    backwards = jax.grad(lambda b: solution(entries, b)[3])(right[0])
    np.testing.assert_allclose(backwards, np.linalg.inv(dense)[3], rtol=1e-8, atol=1e-12)
    slope = jax.grad(lambda e: solution(e, right[0])[3])(entries)
    answer = np.linalg.solve(dense, right[0])
    np.testing.assert_allclose(slope, -backwards[rows] * answer[columns], rtol=1e-8, atol=1e-12)
    assert np.isnan(solution(0 * entries, right[0])).all()


def test_data_that_balance_or_do_not():
    def pure(source):
        return pk.Problem("n", SQUARE, [sp.Eq(-pk.laplacian(u), source)], [pk.Neumann(u, 0)])

    found = solve(pure(sp.cos(sp.pi * x)), SteadyOptions(cells=6), None)
    points = interior(SQUARE, 200, seed=0)
    np.testing.assert_allclose(found.field(points)["u"], np.cos(np.pi * points[:, 0]) / np.pi**2, atol=1e-4)
    with pytest.raises(FormUnavailable, match="do not balance"):
        solve(pure(1 + x), SteadyOptions(cells=3), None)


@pytest.mark.parametrize(
    ("equation", "conditions", "says"),
    [
        (
            -pk.laplacian(u) - 1,
            [pk.Periodic(x), *(pk.Dirichlet(u, 0, where=w) for w in ("top", "bottom"))], "periodic",
        ),
        (u.diff(x) + u - 1, [pk.Dirichlet(u, 0, where="left")], "no diffusion"),
        (-pk.laplacian(u) - 1, [pk.Dirichlet(u, 0), pk.PointValue(u, 1, at=(0.31, 0.27))], "no node"),
        (
            -sp.Rational(1, 10**6) * pk.laplacian(u) + u.diff(x) - 1,
            [pk.Dirichlet(u, 0)], "layers thinner",
        ),
    ],
)  # fmt: skip
def test_what_elements_do_not_do_is_refused_by_name(equation, conditions, says, monkeypatch):
    monkeypatch.setattr("pinnkit.simulate.steady._MOST", {2: 3000})
    problem = pk.Problem("p", SQUARE, [equation], conditions)
    with pytest.raises(FormUnavailable, match=says):
        solve(problem, SteadyOptions(degree=1), None)
