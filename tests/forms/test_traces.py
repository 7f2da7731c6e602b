"""Traces: found where second derivatives enter through one sum, and nowhere else."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import strong_form
from pinnkit.forms.jets import JetSymbol
from pinnkit.forms.traces import Trace, gather_traces

x, y, z = pk.coordinates("x y z")
t = pk.time("t", 0, 1)
u = pk.unknown("u", x, y, z, t)
v = pk.unknown("v", x, y, z, t)


def order(expression):
    return max((len(d.variables) for d in expression.atoms(sp.Derivative)), default=0)


def gathered(*equations):
    unknowns = [w for w in (u, v) if any(e.has(w.func) for e in equations)]
    problem = pk.Problem(
        name="any",
        domain=pk.Box((0, 0, 0), (1, 1, 1)),
        equations=[sp.Eq(e, 0) for e in equations],
        conditions=[pk.Dirichlet(w, 0, where="boundary") for w in unknowns]
        + [pk.Neumann(w, 0, where="boundary") for w in unknowns if any(order(e) > 2 for e in equations)]
        + [pk.Initial(w, 0) for w in unknowns],
    )
    residuals = [e.residual for e in strong_form(problem).equations]
    found, traces = gather_traces(residuals)
    # Put back what the symbols stand for: nothing but the writing has changed.
    for symbol, (unknown, trace) in traces.items():
        symbols = {s for r in residuals for s in r.atoms(JetSymbol) if s.jet.unknown == unknown}
        weights = {index: sp.Rational(str(w)) for w, _, index in trace.terms}
        total = sum(weights[s.jet.index] * s for s in symbols if s.jet.index in weights)
        found = [e.xreplace({symbol: total}) for e in found]
    for before, after in zip(residuals, found, strict=True):
        assert sp.simplify(before - after) == 0
    return {name: trace.weights for name, trace in traces.values()}


def test_the_laplacian_is_one_trace():
    assert gathered(u.diff(t) - pk.laplacian(u)) == {"u": (1, 1, 1, 0)}


def test_weights_are_ratios_and_coefficients_stay_outside():
    assert gathered(u.diff(t) - (1 + x**2) * (2 * u.diff(x, 2) + 5 * u.diff(y, 2))) == {"u": (1, 2.5, 0, 0)}


def test_a_nonlinear_function_of_the_sum_is_one_too():
    assert gathered(u.diff(t) + sp.exp(pk.laplacian(u)) * u) == {"u": (1, 1, 1, 0)}


def test_every_unknown_has_its_own_and_shares_it_over_equations():
    assert gathered(
        u.diff(t) - pk.laplacian(u) + u * v, v.diff(t) - pk.laplacian(v) / 3 + pk.laplacian(u)
    ) == {"u": (1, 1, 1, 0), "v": (1, 1, 1, 0)}


@pytest.mark.parametrize(
    "equation",
    [
        u.diff(t) - u.diff(x, 2),  # one alone
        u.diff(t) - u.diff(x, 2) - x * u.diff(y, 2),  # no constant ratio
        u.diff(t) - u.diff(x, 2) * u.diff(y, 2),  # no sum
        u.diff(t) - pk.laplacian(u) + u.diff(x, 2) ** 2,  # one besides the sum
        u.diff(t) - pk.laplacian(u) + u.diff(x, 4),  # higher ones, which rest on them
    ],
)
def test_other_second_derivatives_stay(equation):
    assert gathered(equation) == {}


def test_two_sums_are_none():
    assert gathered(u.diff(t) - pk.laplacian(u), v.diff(t) - u.diff(x, 2) - 2 * u.diff(y, 2)) == {}


def test_terms_leave_out_weights_of_zero():
    assert Trace((1.0, 0.0, 2.0)).terms == ((1.0, (1, 0, 0), (2, 0, 0)), (2.0, (0, 0, 1), (0, 0, 2)))
