"""Small problems with fields known in closed form."""

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solution import Record, Solution


def record(**changes):
    return Record("pinn", **{"options": {"network": {"width": 30}}, "seed": 7, "versions": {}, **changes})


@pytest.fixture
def line():
    """−u″ = 1 on [0, 2], u = x(2 − x)/2."""
    x = pk.coordinates("x")
    u = pk.unknown("u", x)
    problem = pk.Problem("line", pk.Interval(0, 2), [-sp.Derivative(u, (x, 2)) - 1], [pk.Dirichlet(u, 0)])
    return Solution(problem, lambda p: {"u": p[:, 0] * (2 - p[:, 0]) / 2}, record())


@pytest.fixture
def heat():
    """u_t = a u_xx on [0, 1] × [0, 2] with a found from data, so an unknown a(x) that does not know time."""
    x, t = pk.coordinates("x"), pk.time("t", 0, 2)
    u, a = pk.unknown("u", x, t), pk.unknown("a", x, infer=True)
    problem = pk.Problem(
        "heat",
        pk.Interval(0, 1),
        [sp.Eq(sp.Derivative(u, t), a * sp.Derivative(u, (x, 2)))],
        [pk.Dirichlet(u, 0), pk.Initial(u, sp.sin(sp.pi * x)), pk.Dirichlet(a, 1)],
        observations=[pk.Observations(u, "sensors.csv")],
    )
    return Solution(problem, lambda p: {"u": p[:, 0] * p[:, 1], "a": 1 + p[:, 0]}, record())


@pytest.fixture
def holed():
    """−Δu = 0 on a square with a round hole."""
    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    domain = pk.Rectangle((-1, -1), (1, 1), name="outer") - pk.Disk((0, 0), 0.5, name="hole")
    problem = pk.Problem("holed", domain, [-pk.laplacian(u)], [pk.Dirichlet(u, x)])
    return Solution(problem, lambda p: {"u": p[:, 0] + 2 * p[:, 1]}, record())


@pytest.fixture
def moving():
    """u_t = Δu on a disk, over time."""
    x, y = pk.coordinates("x y")
    t = pk.time("t", 0, 1)
    u = pk.unknown("u", x, y, t)
    problem = pk.Problem(
        "moving",
        pk.Disk((0, 0), 1),
        [sp.Eq(sp.Derivative(u, t), pk.laplacian(u))],
        [pk.Dirichlet(u, 0), pk.Initial(u, 1 - x**2 - y**2)],
    )
    return Solution(problem, lambda p: {"u": p[:, 0] + 10 * p[:, 2]}, record())


@pytest.fixture
def plane_flow():
    """Two unknowns on a rectangle."""
    x, y = pk.coordinates("x y")
    u, v = pk.unknown("u", x, y), pk.unknown("v", x, y)
    problem = pk.Problem(
        "flow", pk.Rectangle((0, 0), (2, 1)), [-pk.laplacian(u), -pk.laplacian(v)],
        [pk.Dirichlet(u, 0), pk.Dirichlet(v, 0)],
    )  # fmt: skip
    return Solution(problem, lambda p: {"v": p[:, 1], "u": p[:, 0]}, record())


@pytest.fixture
def grid():
    return lambda *axes: np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")], axis=1)
