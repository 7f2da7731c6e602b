"""References that are formulas."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import ReferenceUnavailable, exact_reference

from . import problems as known
from .problems import t, u, w, x, y


def test_values_and_error_bar():
    problem = known.travelling_wave()
    reference = exact_reference(problem)
    points = known.scattered(problem, 50)
    wanted = 1 - np.tanh(10 * (points[:, 0] - points[:, 1]))
    np.testing.assert_allclose(reference.evaluate(points)["w"], wanted, atol=1e-14)
    assert reference.error_bar == {"w": 0.0}
    assert reference.kind == "exact"
    assert reference.names == ("w",)


def test_constants_and_parameters_are_filled_in():
    k = pk.parameter("k", 3.0)
    problem = pk.Problem(
        name="p", domain=known.UNIT, equations=[sp.Eq(-pk.laplacian(u), k)], conditions=[pk.Dirichlet(u, 0)]
    )
    values = exact_reference(problem, {"u": k}).evaluate(np.zeros((4, 2)))["u"]
    np.testing.assert_array_equal(values, [3, 3, 3, 3])


def test_dataset_covers_the_domain_and_nothing_else():
    dataset = exact_reference(known.poisson_disk()).to_dataset()
    assert set(dataset.dims) == {"x", "y"}
    corner, middle = dataset.u.sel(x=-1, y=-1, method="nearest"), dataset.u.sel(x=0.3, y=0, method="nearest")
    assert np.isnan(corner)
    assert middle == pytest.approx(np.sin(0.6), abs=0.05)


@pytest.mark.parametrize(
    ("expressions", "says"),
    [
        ({}, "no formula for u"), ({"v": x}, "there is no unknown v"), ({"u": x + t}, "contains t"),
        ({"u": sp.Symbol("q")}, "contains q"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(expressions, says):
    with pytest.raises(ReferenceUnavailable, match=says):
        exact_reference(known.poisson_square(), expressions)


def test_derivatives_in_the_formula_are_carried_out():
    reference = exact_reference(known.poisson_square(), {"u": sp.Derivative(x**2 * y, x)})
    np.testing.assert_allclose(reference.evaluate(np.array([[3.0, 2.0]]))["u"], [12])


def test_without_a_solution_there_is_none():
    problem = pk.Problem(
        name="b", domain=pk.Interval(-1, 1), equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2))],
        conditions=[pk.Initial(w, 0), pk.Dirichlet(w, 0)],
    )  # fmt: skip
    with pytest.raises(ReferenceUnavailable, match="no formula for w"):
        exact_reference(problem)
