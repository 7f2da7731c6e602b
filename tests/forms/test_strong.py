"""Jets and strong residuals: names, exact sets of derivatives, conditions of every kind."""

from __future__ import annotations

import pickle

import pytest
import sympy as sp

from pinnkit.declare.conditions import (
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Observations,
    Periodic,
    PointValue,
    Robin,
)
from pinnkit.declare.operators import laplacian
from pinnkit.declare.problem import Problem
from pinnkit.declare.symbols import coordinates, unknown
from pinnkit.forms import FormUnavailable, Jet, Jets, condition_residual, jet_symbol, strong_form
from pinnkit.forms.jets import jets_in
from pinnkit.geometry import Rectangle

from .problems import (
    ALLEN_CAHN,
    BIHARMONIC,
    NU,
    POISSON,
    WAVE,
    D,
    burgers,
    flow,
    steady,
    t,
    transient,
    ut,
    w,
    x,
    y,
)

N_X, N_Y = sp.symbols("n_x n_y", real=True)


def jet(problem: Problem, name: str, *index: int) -> sp.Symbol:
    return jet_symbol(Jet(name, index), problem)


def test_burgers_needs_exactly_its_four_jets() -> None:
    problem = burgers()
    (equation,) = strong_form(problem).equations
    u, u_x, u_t, u_xx = (jet(problem, "u", *i) for i in [(0, 0), (1, 0), (0, 1), (2, 0)])
    assert sp.expand(equation.residual - (u_t + u * u_x - NU * u_xx)) == 0
    assert {j.index for j in equation.jets} == {(0, 0), (1, 0), (0, 1), (2, 0)}
    assert [s.name for s in (u, u_x, u_t, u_xx)] == ["u", "u_x", "u_t", "u_xx"]


@pytest.mark.parametrize(
    ("problem", "indices"),
    [
        (transient(WAVE), {(2, 0), (0, 2)}),
        (transient(ALLEN_CAHN), {(0, 0), (0, 1), (2, 0)}),
        (steady(POISSON), {(2, 0), (0, 2)}),
        (steady(D(w * (1 + w), x) - 2 * w * D(w, x) + w), {(1, 0), (0, 0)}),
    ],
)
def test_only_the_derivatives_that_matter_are_asked_for(problem: Problem, indices: set) -> None:
    assert {j.index for j in strong_form(problem).jets} == indices


def test_derivatives_that_cancel_are_not_asked_for() -> None:
    cancelling = (1 + w) * D(w, (x, 2)) - w * D(w, (x, 2)) - D(w, (x, 2)) + D(w, x, y) + D(w, (y, 2))
    assert {j.index for j in strong_form(steady(cancelling)).jets} == {(1, 1), (0, 2)}


def test_composite_derivatives_are_carried_out() -> None:
    problem = steady(D(x * D(w**2, x), x) + D(w, (y, 2)))
    (equation,) = strong_form(problem).equations
    u, u_x, u_xx, u_yy = (jet(problem, "u", *i) for i in [(0, 0), (1, 0), (2, 0), (0, 2)])
    assert sp.expand(equation.residual - (2 * u * u_x + 2 * x * (u_x**2 + u * u_xx) + u_yy)) == 0


def test_jets_go_there_and_back() -> None:
    problem = steady(POISSON)
    jets = Jets(problem)
    expression = sp.sin(w) * D(w, x, (y, 2)) + x * w
    assert sp.simplify(jets.from_jets(jets.to_jets(expression)) - expression) == 0


def test_a_jet_is_no_symbol_of_the_same_name() -> None:
    problem = burgers()
    assert jet(problem, "u", 1, 0) == jet(transient(WAVE), "u", 1, 0)
    assert jet(problem, "u", 1, 0) != sp.Symbol("u_x", real=True)
    assert jet(problem, "u", 1, 0).is_real


def test_jets_are_named_as_problem_files_name_them() -> None:
    x1, x2 = coordinates("x1 x2")
    u = unknown("u", x1, x2)
    problem = Problem("long", Rectangle((0, 0), (1, 1)), [D(u, (x1, 2)) + D(u, (x2, 2))], [Dirichlet(u, 0)])
    assert [jet(problem, "u", *i).name for i in [(0, 0), (2, 0), (1, 1)]] == ["u", "u_x1x1", "u_x1x2"]


def test_jet_symbols_survive_pickling() -> None:
    symbol = jet(burgers(), "u", 2, 0)
    again = pickle.loads(pickle.dumps(symbol))
    assert again == symbol
    assert again.jet == Jet("u", (2, 0))


def test_a_coefficient_field_has_no_derivative_by_what_it_does_not_depend_on() -> None:
    a = unknown("a", x, infer=True)
    problem = Problem(
        "inverse", transient(WAVE).domain, [D(ut, t) - D(a * D(ut, x), x)],
        [Initial(ut, 0), Dirichlet(ut, 0)], [Observations(ut, "sensors.csv")],
    )  # fmt: skip
    jets = Jets(problem)
    assert jets.symbol(Jet("a", (0, 1))) == 0
    assert jets.to_jets(D(a * ut, t)) == jets.symbol(Jet("a", (0, 0))) * jets.symbol(Jet("u", (0, 1)))


def test_every_condition_has_a_residual() -> None:
    problem = steady(POISSON)
    u, u_x, u_y = (jet(problem, "u", *i) for i in [(0, 0), (1, 0), (0, 1)])
    slope = N_X * u_x + N_Y * u_y
    expected = [
        (Dirichlet(w, x * y), u - x * y),
        (Neumann(w, x), slope - x),
        (Robin(w, 2, y, x), 2 * u + y * slope - x),
        (Flux("equation", y, "left"), -slope - y),
        (Condition(D(w, x) - w**2, "left"), u_x - u**2),
        (PointValue(w, 3, (0.5, 0.5)), u - 3),
    ]
    problem = Problem("poisson", problem.domain, {"equation": POISSON}, [Dirichlet(w, 0)])
    for condition, residual in expected:
        found = condition_residual(condition, problem)
        assert sp.expand(found.residual - residual) == 0
        assert found.jets == jets_in(residual)


def test_initial_conditions_have_residuals() -> None:
    problem = transient(WAVE)
    u, u_t = jet(problem, "u", 0, 0), jet(problem, "u", 0, 1)
    assert condition_residual(Initial(ut, sp.sin(x)), problem).residual == u - sp.sin(x)
    assert condition_residual(InitialRate(ut, x), problem).residual == u_t - x


def test_a_flux_condition_holds_convection() -> None:
    problem = Problem(
        "burgers", transient(ALLEN_CAHN).domain,
        {"momentum": sp.Eq(D(ut, t) + ut * D(ut, x), NU * D(ut, (x, 2)))},
        [Initial(ut, 0), Flux("momentum", 1, "left"), Dirichlet(ut, 0, "right")],
    )  # fmt: skip
    u, u_x = jet(problem, "u", 0, 0), jet(problem, "u", 1, 0)
    found = condition_residual(problem.conditions[1], problem).residual
    assert sp.expand(found - (N_X * (u**2 / 2 - NU * u_x) - 1)) == 0


def test_a_periodic_condition_has_no_residual_at_a_point() -> None:
    with pytest.raises(FormUnavailable, match="compares two points"):
        condition_residual(Periodic(x), transient(WAVE))


def test_systems_keep_their_equations_in_order() -> None:
    form = strong_form(flow(convection=True))
    assert [e.name for e in form.equations] == ["momentum_x", "momentum_y", "continuity"]
    assert {(j.unknown, j.index) for j in form.equations[2].jets} == {("u", (1, 0)), ("v", (0, 1))}


def test_jumps_that_a_strong_residual_does_not_see_are_noted() -> None:
    layered = sp.Piecewise((1, x < sp.Rational(1, 2)), (10, True))
    (note,) = strong_form(steady(-D(layered * D(w, x), x) - D(w, (y, 2)))).notes
    assert note.startswith("equation: the flux across jumps of Piecewise")
    assert not strong_form(steady(layered * w - laplacian(w))).notes


def test_the_biharmonic_is_of_fourth_order() -> None:
    slope = Condition(N_X * D(w, x) + N_Y * D(w, y), "boundary")
    found = strong_form(steady(BIHARMONIC, [Dirichlet(w, 0), slope])).jets
    assert {j.index for j in found} == {(4, 0), (2, 2), (0, 4)}


def test_terms_that_are_not_local_are_named() -> None:
    jets = Jets(steady(POISSON))
    with pytest.raises(FormUnavailable, match="Integral"):
        jets.to_jets(w + sp.Integral(w, x))
    with pytest.raises(FormUnavailable, match="not by x, y"):
        jets.to_jets(sp.Derivative(NU * w, NU))
    with pytest.raises(FormUnavailable, match="elsewhere than at its own coordinates"):
        jets.to_jets(w.subs(x, 0))
