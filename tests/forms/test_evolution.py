"""Rates, their linear parts, and conservation laws, against forms written by hand."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable, Jets, conservation_form, evolution_form

x = pk.coordinates("x")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, t)
D = sp.Derivative
ENDS = [pk.Dirichlet(u, 0)]


def declared(equation, conditions=(), rate=False):
    start = [pk.Initial(u, 0)] + ([pk.InitialRate(u, 0)] if rate else [])
    return pk.Problem("p", pk.Interval(0, 1), [equation], [*start, *conditions])


def symbols(problem, *indices):
    jets = Jets(problem)
    zero = jets.zero("u")
    return [jets.symbol(type(zero)("u", index)) for index in indices]


def test_the_linear_part_with_constant_coefficients_is_split_off():
    problem = declared(3 * D(u, t) + u * D(u, x) - 6 * D(u, (x, 2)) + x * u, ENDS)
    form = evolution_form(problem)
    v, vx, vxx = symbols(problem, (0, 0), (1, 0), (2, 0))
    assert sp.expand(form.rates[0] - (2 * vxx - v * vx / 3 - x * v / 3)) == 0
    assert form.linear == (((vxx.jet, sp.Integer(2)),),)
    assert sp.expand(form.rest[0] + v * vx / 3 + x * v / 3) == 0
    assert form.order == 2


def test_second_order_in_time_becomes_a_system():
    problem = declared(D(u, (t, 2)) + D(u, t) - 4 * D(u, (x, 2)), ENDS, rate=True)
    form = evolution_form(problem)
    vt, vxx = symbols(problem, (0, 1), (2, 0))
    assert [s.index for s in form.states] == [(0, 0), (0, 1)]
    assert form.rates[0] == vt
    assert sp.expand(form.rates[1] - (4 * vxx - vt)) == 0


def test_fluxes_of_a_conservation_law_are_divided_by_the_mass():
    problem = declared(2 * D(u, t) + D(u**2 - 4 * D(u, x), x) - 6 * u, ENDS)
    form = conservation_form(problem)
    v, vx = symbols(problem, (0, 0), (1, 0))
    assert sp.expand(form.flux[0][0] - (v**2 / 2 - 2 * vx)) == 0
    assert form.source == (-3 * v,)


@pytest.mark.parametrize(
    ("equation", "conditions", "reason"),
    [
        (D(u, t) - D(u, t, (x, 2)) + u, ENDS, "differentiated in space"),
        (D(u, t) ** 2 - D(u, (x, 2)), ENDS, "nonlinearly"),
    ],
)
def test_what_has_no_evolution_form_is_refused_with_the_reason(equation, conditions, reason):
    with pytest.raises(FormUnavailable, match=reason):
        evolution_form(declared(equation, conditions))


def test_steady_problems_and_constraints_are_refused():
    w = pk.unknown("w", x)
    steady = pk.Problem("s", pk.Interval(0, 1), [D(w, (x, 2))], [pk.Dirichlet(w, 0)])
    with pytest.raises(FormUnavailable, match="no time"):
        evolution_form(steady)
    p = pk.unknown("p", x, t)
    pair = pk.Problem(
        "c", pk.Interval(0, 1), [D(u, t) - D(u, (x, 2)) + p, D(p, (x, 2)) - u],
        [pk.Initial(u, 0), *ENDS, pk.Dirichlet(p, 0)],
    )  # fmt: skip
    with pytest.raises(FormUnavailable, match="constraint"):
        evolution_form(pair)


def test_a_conserved_quantity_that_is_no_unknown_is_refused():
    with pytest.raises(FormUnavailable, match="conserves"):
        conservation_form(declared(D(u**2, t) + D(u, x)))
