"""Derivatives of a solution: from the network's own pass, of a loaded run too."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.driver import run
from pinnkit.driver.numerics import precise
from pinnkit.driver.store import SolvedField
from pinnkit.solution import Record, Solution
from pinnkit.solvers import get

INDICES = [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1), (2, 0, 0), (1, 1, 0), (0, 2, 0), (0, 1, 1)]
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def flow():
    """Two unknowns in the plane and time, one with exact conditions on a round hole; untrained."""
    x, y = pk.coordinates("x y")
    t = pk.time("t", 0, 1)
    u, v = pk.unknown("u", x, y, t), pk.unknown("v", x, y, t)
    domain = pk.Rectangle((-1, -1), (1, 1), name="outer") - pk.Disk((0, 0), 0.3, name="hole")
    problem = pk.Problem(
        "flow",
        domain,
        [sp.Eq(sp.Derivative(u, t), pk.laplacian(u) - v), sp.Eq(sp.Derivative(v, t), pk.laplacian(v) + u)],
        [
            pk.Dirichlet(u, x, "hole"), pk.Dirichlet(u, y, "outer"), pk.Neumann(v, 0),
            pk.Initial(u, x), pk.Initial(v, 1),
        ],
    )  # fmt: skip
    solver = get("pinn")
    options = solver.options(
        network={"width": 8, "depth": 2}, points={"interior": 64, "pool": 1, "boundary": 64}
    )
    with precise():
        formulation = solver.build(problem, options, 0)
    return Solution(problem, SolvedField(formulation, formulation.fields), Record("pinn"))


def differences(solution, points, index, step=1e-3):
    """∂^α by central differences of fourth order of the next lower derivative, one variable at a time."""
    axis = next((k for k, order in enumerate(index) if order), None)
    if axis is None:
        return solution.evaluate(points, extrapolate=True)
    lower = tuple(order - (k == axis) for k, order in enumerate(index))
    shift = step * np.eye(len(index))[axis]
    total = dict.fromkeys(solution.names, 0.0)
    for weight, place in ((1, -2), (-8, -1), (8, 1), (-1, 2)):
        values = differences(solution, points + place * shift, lower)
        total = {name: total[name] + weight * values[name] / (12 * step) for name in total}
    return total


def test_agree_with_differences_of_values(flow):
    radius, angle = RNG.uniform(0.4, 0.8, 20), RNG.uniform(0, 2 * np.pi, 20)
    points = np.column_stack([radius * np.cos(angle), radius * np.sin(angle), RNG.uniform(0.1, 0.9, 20)])
    found = flow.derivatives(points, INDICES)
    assert set(found) == {"u", "v"}
    for name, values in found.items():
        assert values.shape == (20, len(INDICES))
        for column, index in enumerate(INDICES):
            expected = differences(flow, points, index)[name]
            np.testing.assert_allclose(values[:, column], expected, rtol=1e-6, atol=1e-6, err_msg=str(index))


def test_hold_on_the_boundary(flow):
    """u = x on the hole: its slope along the circle is that of x, exactly, at the first boundary points."""
    angle = np.linspace(0, 2 * np.pi, 17)[:-1] + 0.1
    points = np.column_stack([0.3 * np.cos(angle), 0.3 * np.sin(angle), np.full(16, 0.5)])
    slopes = flow.derivatives(points, [(1, 0, 0), (0, 1, 0)])["u"]
    tangent = np.column_stack([-np.sin(angle), np.cos(angle)])
    np.testing.assert_allclose((slopes * tangent).sum(axis=1), tangent[:, 0], atol=1e-9)


def test_a_loaded_solution_gives_the_same(rod, tmp_path):
    solution = run(rod, out=tmp_path / "run", progress=False).solution
    points = np.linspace(0, 1, 33)[:, None]
    found = solution.derivatives(points, [(2,), (0,), (1,), (2,)])["u"]
    again = pk.load(tmp_path / "run").derivatives(points, [(2,), (0,), (1,), (2,)])["u"]
    np.testing.assert_array_equal(again, found)
    np.testing.assert_array_equal(found[:, 0], found[:, 3])
    np.testing.assert_allclose(found[:, 1], solution(points), rtol=1e-12, atol=1e-15)
    source = (np.pi**2 + 1) * np.sin(np.pi * points[:, 0])
    np.testing.assert_allclose(found[:, 1] - found[:, 0], source, atol=0.1)
