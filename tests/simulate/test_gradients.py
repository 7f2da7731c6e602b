"""Gradients of every back-end pass their Taylor test; a wrong one does not."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.simulate.forward import ForwardOptions
from pinnkit.simulate.gradients import check_gradients, taylor_slope

x = pk.coordinates("x")
t = pk.time("t", 0, 0.02)
u = pk.unknown("u", x, t)
a = pk.unknown("a", x, infer=True)
D = sp.Derivative
k = pk.parameter("k", 0.3)
START = sp.sin(2 * sp.pi * x) + sp.Rational(1, 2)
CASES = {
    "finite_difference": (D(u, t) - D((k + a) * D(u, x), x) + u**3, [pk.Dirichlet(u, sp.Rational(1, 2))]),
    "finite_volume": (D(u, t) + k * D(u**2 / 2, x), [pk.Periodic(x)]),
    "spectral": (D(u, t) + u * D(u, x) - k * D(u, (x, 2)), [pk.Periodic(x)]),
}


def test_gradients_through_a_projection():
    y = pk.coordinates("x y")[1]
    velocity, p = [pk.unknown(name, x, y, t) for name in "vw"], pk.unknown("p", x, y, t)
    rows = [
        s.diff(t) + velocity[0] * s.diff(x) + velocity[1] * s.diff(y) + p.diff(axis) - k * pk.laplacian(s)
        for s, axis in zip(velocity, (x, y), strict=True)
    ]  # fmt: skip
    start = [pk.Initial(s, 3 * sp.sin(2 * sp.pi * x) * sp.sin(sp.pi * y)) for s in velocity]
    problem = pk.Problem(
        "p", pk.Rectangle((0, 0), (1, 1)), [*rows, velocity[0].diff(x) + velocity[1].diff(y)],
        [*start, pk.Periodic(x), *(pk.Dirichlet(s, 0, w) for s in velocity for w in ("bottom", "top"))],
    )  # fmt: skip
    tests = check_gradients(problem, ForwardOptions(points=8))
    assert {test.what for test in tests} == {"parameter k", "initial state"}
    assert all(test.passed for test in tests), "\n".join(map(str, tests))


@pytest.mark.parametrize("backend", CASES)
def test_every_gradient_has_a_remainder_of_second_order(backend, tmp_path):
    equation, conditions = CASES[backend]
    problem = pk.Problem(
        "p", pk.Interval(0, 1), [equation], [pk.Initial(u, START), *conditions],
        [pk.Observations(u, str(tmp_path / "unread.csv"))] if equation.has(a) else [],
    )  # fmt: skip
    tests = check_gradients(problem, ForwardOptions(backend=backend, points=16))
    fields = {"field a"} if equation.has(a) else set()
    assert {test.what for test in tests} == {"parameter k", "initial state", *fields}
    assert {test.adjoint for test in tests} == {"reverse mode", "forward mode"}
    assert all(test.passed for test in tests), "\n".join(map(str, tests))


def test_a_wrong_gradient_is_found_out():
    assert taylor_slope(np.sin, 1.0) == pytest.approx(3, abs=0.05)
    assert taylor_slope(np.exp, 1.0) == pytest.approx(2, abs=0.05)
    assert taylor_slope(np.exp, 1.01) < 1.9
    assert taylor_slope(lambda h: 3 * h, 3.0) == 2
