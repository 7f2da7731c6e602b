"""The mixed form: fluxes as unknowns, and boundary data as data of them."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms.errors import FormUnavailable
from pinnkit.forms.mixed import mixed_form

x, y = pk.coordinates("x y")
u = pk.unknown("u", x, y)
k = sp.exp(x * y)


def darcy(domain, *conditions):
    equation = -pk.div(k * pk.grad(u)) + u.diff(x) - 1
    return pk.Problem(name="darcy", domain=domain, equations=[equation], conditions=conditions)


def test_a_second_order_equation_becomes_three_of_first_order():
    square = pk.Rectangle((0, 0), (1, 1))
    problem = darcy(
        square, pk.Dirichlet(u, 1, where="left"), pk.Neumann(u, y, where="right"),
        pk.Neumann(u, 0, where="bottom"), pk.Robin(u, 2, 1, 3, where="top"),
    )  # fmt: skip
    mixed = mixed_form(problem)
    assert mixed.fluxes == {"equation": ("flux1", "flux2")}
    first, second = (f for f in mixed.problem.unknowns if f.func.__name__ != "u")
    residuals = [e.residual for e in mixed.problem.equations]
    expected = [first + k * u.diff(x), second + k * u.diff(y), first.diff(x) + second.diff(y) + u.diff(x) - 1]
    assert all(sp.simplify(a - b) == 0 for a, b in zip(residuals, expected, strict=True))
    said = {c.where: c for c in mixed.problem.conditions}
    assert said["left"] == pk.Dirichlet(u, 1, where="left")
    # F·n = −k ∂u/∂n: outward is +x on the right, −y below
    assert said["right"].unknown == first
    assert sp.simplify(said["right"].value + k * y) == 0
    assert (said["bottom"].unknown, said["bottom"].value) == (second, 0)
    # with u in it, it is no datum: n·σ + k (3 − 2u) = 0
    across = said["top"].expression.subs(pk.normal(x), 0).subs(pk.normal(y), 1)
    assert sp.simplify(across - second - k * (3 - 2 * u)) == 0


def test_on_a_curve_the_flux_is_a_condition():
    mixed = mixed_form(darcy(pk.Disk((0, 0), 1, name="rim"), pk.Neumann(u, x, where="rim")))
    (condition,) = mixed.problem.conditions
    first, second = mixed.problem.unknowns[1:]
    n_x, n_y = pk.normal(x), pk.normal(y)
    assert sp.simplify(condition.expression - n_x * first - n_y * second - k * x) == 0


def test_what_has_no_flux_is_refused():
    problem = pk.Problem(
        name="transport", domain=pk.Rectangle((0, 0), (1, 1)), equations=[u.diff(x) + u.diff(y)],
        conditions=[pk.Dirichlet(u, 0, where="left")],
    )  # fmt: skip
    with pytest.raises(FormUnavailable, match="no equation has a flux"):
        mixed_form(problem)
