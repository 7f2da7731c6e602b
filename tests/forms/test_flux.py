"""Flux forms: the worked equations, random ones, systems by multipliers, the Euler operator, refusals."""

from __future__ import annotations

from itertools import product

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkit.declare.conditions import Condition, Dirichlet, Observations
from pinnkit.declare.operators import div, grad, laplacian
from pinnkit.declare.problem import Problem
from pinnkit.forms import FormUnavailable, Jet, Jets, flux_form, strong_form
from pinnkit.forms.flux import is_divergence

from . import problems as named
from .problems import NU, D, burgers, flow, steady, transient, unknown, w, x, y

CLAMPED = [
    Dirichlet(w, 0),
    Condition(sp.Symbol("n_x", real=True) * D(w, x) + sp.Symbol("n_y", real=True) * D(w, y), "boundary"),
]
WORKED = {
    "burgers": burgers(),
    "kdv": transient(named.KDV),
    "kuramoto_sivashinsky": transient(named.KURAMOTO_SIVASHINSKY),
    "allen_cahn": transient(named.ALLEN_CAHN),
    "wave": transient(named.WAVE),
    "darcy": steady(named.DARCY),
    "darcy_expanded": steady(named.DARCY_EXPANDED),
    "nonlinear_diffusion": steady(named.NONLINEAR_DIFFUSION),
    "nonlinear_diffusion_expanded": steady(named.NONLINEAR_DIFFUSION_EXPANDED),
    "convection_diffusion_reaction": steady(named.CONVECTION_DIFFUSION_REACTION),
    "helmholtz": steady(named.HELMHOLTZ),
    "biharmonic": steady(named.BIHARMONIC, CLAMPED),
    "minimal_surface": steady(named.MINIMAL_SURFACE),
    "p_laplacian_expanded": steady(named.P_LAPLACIAN.doit()),
    "mixed_derivative": steady(-(2 * D(w, (x, 2)) + 2 * x * D(w, x, y) + 3 * D(w, (y, 2)))),
    "polar": steady(D(w, (x, 2)) + D(w, x) / (1 + x) + D(w, (y, 2)) / (1 + x) ** 2),
    "quadratic_gradient": steady(laplacian(w) + D(w, x) ** 2),
    "navier_stokes": flow(convection=True),
    "stokes": flow(convection=False),
}


def residuals(problem: Problem) -> dict[str, sp.Expr]:
    jets = Jets(problem)
    return {e.name: jets.to_jets(e.residual) for e in problem.equations}


@pytest.mark.parametrize("name", WORKED)
def test_flux_forms_expand_back(name: str) -> None:
    problem = WORKED[name]
    jets, strong = Jets(problem), residuals(problem)
    for equation in flux_form(problem).equations:
        whole = strong[equation.name] + sum(factor * strong[m] for m, factor in equation.multipliers)
        assert sp.simplify(whole - jets.divergence(equation.flux) - equation.source) == 0
        if name != "quadratic_gradient":
            assert all(not s.jet.order for s in equation.source.free_symbols if hasattr(s, "jet"))


def same(problem: Problem, *expected: str, equation: int = 0) -> bool:
    found = flux_form(problem).equations[equation]
    jets = Jets(problem)
    indices = list(product(range(5), repeat=len(jets.variables)))
    known = [jets.symbol(Jet(n, i)) for n in jets.unknowns for i in indices]
    symbols = {s.name: s for s in (*known, *jets.variables, NU) if s != 0}
    parts = zip((*found.flux, found.source), expected, strict=True)
    return all(sp.simplify(f - sp.sympify(e, locals=symbols)) == 0 for f, e in parts)


def test_fluxes_known_by_hand() -> None:
    assert same(WORKED["burgers"], "u**2/2 - nu*u_x", "u", "0")
    assert same(WORKED["kdv"], "u**2/2 + u_xx/400", "u", "0")
    assert same(WORKED["kuramoto_sivashinsky"], "u**2/2 + u_x + u_xxx", "u", "0")
    assert same(WORKED["allen_cahn"], "-u_x/10000", "u", "5*u**3 - 5*u")
    assert same(WORKED["wave"], "-4*u_x", "u_t", "0")
    assert same(WORKED["helmholtz"], "-u_x", "-u_y", "-64*u - sin(x)")
    assert same(WORKED["biharmonic"], "u_xxx + u_xyy", "u_yyy + u_xxy", "-1")
    assert same(WORKED["nonlinear_diffusion_expanded"], "-(1 + u**2)*u_x", "-(1 + u**2)*u_y", "-sin(x)")
    assert same(WORKED["convection_diffusion_reaction"], "2*u - nu*u_x", "-y*u - nu*u_y", "4*u - x*y")


def test_momentum_becomes_a_divergence_with_continuity() -> None:
    form = flux_form(WORKED["navier_stokes"])
    assert same(WORKED["navier_stokes"], "u**2 + p - nu*u_x", "u*v - nu*u_y", "0")
    assert same(WORKED["navier_stokes"], "u*v - nu*v_x", "v**2 + p - nu*v_y", "0", equation=1)
    assert [[(m, str(f)) for m, f in e.multipliers] for e in form.equations] == [
        [("continuity", "u")], [("continuity", "v")], [],
    ]  # fmt: skip


def test_stokes_needs_no_multiplier() -> None:
    assert all(not e.multipliers for e in flux_form(WORKED["stokes"]).equations)


def test_a_declared_divergence_is_kept_as_written() -> None:
    declared = steady(-2 * div([(1 + w) * D(w, x), sp.sin(w)]) + w)
    assert same(declared, "-2*(1 + u)*u_x", "-2*sin(u)", "u")
    reaction = 5 * (w - w**3) * sp.exp(x + y)
    (found,) = flux_form(steady(-laplacian(w) + reaction)).equations
    assert Jets(declared).from_jets(found.source) == reaction


@pytest.mark.parametrize("expand", [False, True])
def test_a_coefficient_field_counts_as_known(expand: bool) -> None:
    a = unknown("a", x, y, infer=True)
    equation = -div(a * grad(w)) + a * D(w, x)
    problem = Problem(
        "inverse", named.SQUARE, [equation.doit() if expand else equation], [Dirichlet(w, 0)],
        [Observations(w, "sensors.csv")],
    )  # fmt: skip
    assert same(problem, "a*u - a*u_x", "-a*u_y", "-a_x*u")


@pytest.mark.parametrize("name", ["EIKONAL", "MONGE_AMPERE"])
def test_fully_nonlinear_equations_refuse_with_a_reason(name: str) -> None:
    with pytest.raises(FormUnavailable, match="nonlinear in its highest derivatives") as caught:
        flux_form(steady(getattr(named, name)))
    assert "strong form" in caught.value.mend
    assert "u_x" in caught.value.reason


def test_a_first_order_system_that_is_no_divergence_refuses() -> None:
    a, b = unknown("a", x, y), unknown("b", x, y)
    crossed = Problem(
        "crossed", named.SQUARE, [b * D(a, x) + D(a, y), a * D(b, x) + D(b, y)],
        [Dirichlet(a, 0, "left"), Dirichlet(b, 0, "left")],
    )  # fmt: skip
    with pytest.raises(FormUnavailable, match="no divergence"):
        flux_form(crossed)


def test_the_euler_operator_tells_divergences() -> None:
    problem = burgers()
    jets = Jets(problem)
    u, u_x, u_t = (jets.to_jets(e) for e in (named.ut, D(named.ut, x), D(named.ut, named.t)))
    assert is_divergence(u * u_x + u_t, problem)
    assert is_divergence(sp.cos(x), problem)
    assert not is_divergence(u**2, problem)
    assert not is_divergence(u, problem)
    assert not is_divergence(u_x**2, problem)
    assert jets.euler(5 * u - 5 * u**3, "u") == 5 - 15 * u**2
    assert jets.euler(u_x**2 / 2, "u") == -jets.to_jets(D(named.ut, (x, 2)))


_EXPONENTS = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 1), st.integers(0, 1))
_TERMS = st.lists(st.tuples(st.integers(-3, 3), _EXPONENTS), min_size=1, max_size=3)


@settings(deadline=None, max_examples=25)
@given(_TERMS, _TERMS, _TERMS)
def test_random_divergences_are_found_again(first: list, second: list, source: list) -> None:
    """div F(x, u, ∇u) + S(x, u), multiplied out, peels into some F and an S of order zero."""

    def polynomial(terms: list, slope: sp.Expr) -> sp.Expr:
        return sp.Add(*(c * x**a * w**b * slope**d * y**e for c, (a, b, d, e) in terms))

    equation = (D(polynomial(first, D(w, x)), x) + D(polynomial(second, D(w, y)), y)).doit()
    equation += polynomial(source, sp.S.One) + laplacian(w)
    problem = steady(equation)
    jets = Jets(problem)
    (found,) = flux_form(problem).equations
    (strong,) = strong_form(problem).equations
    assert sp.expand(strong.residual - jets.divergence(found.flux) - found.source) == 0
    assert not any(s.jet.order for s in found.source.free_symbols if hasattr(s, "jet"))


@settings(deadline=None, max_examples=20)
@given(_TERMS, _TERMS)
def test_random_divergences_have_no_euler_expression(first: list, second: list) -> None:
    problem = steady(named.POISSON)
    jets = Jets(problem)
    parts = [
        sp.Add(*(c * x**a * w**b * D(w, x) ** d * D(w, y) ** e for c, (a, b, d, e) in terms))
        for terms in (first, second)
    ]
    total = jets.divergence(tuple(jets.to_jets(p) for p in parts))
    assert jets.euler(total, "u") == 0
