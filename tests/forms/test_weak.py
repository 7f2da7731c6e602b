"""Weak forms against what one writes by hand: fluxes, sources, natural and essential terms, refusals."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
import sympy as sp

from pinnkit.declare.conditions import (
    Condition,
    Dirichlet,
    Flux,
    Initial,
    InitialRate,
    Neumann,
    Periodic,
    PointValue,
    Robin,
)
from pinnkit.declare.operators import div, grad, laplacian
from pinnkit.declare.problem import Problem
from pinnkit.forms import FormUnavailable, Jet, Jets, linearise, weak_form
from pinnkit.forms.strong import condition_residual
from pinnkit.geometry import Box, Disk, Interval, Rectangle

from . import problems as named
from .problems import (
    NU,
    PRESSURE,
    SQUARE,
    VELOCITY,
    D,
    burgers,
    flow,
    steady,
    t,
    transient,
    unknown,
    ut,
    w,
    x,
    y,
)

N_X, N_Y = sp.symbols("n_x n_y", real=True)
POISSON_OF_W = sp.Eq(-laplacian(w), 1)
HELD = [Dirichlet(w, 0, side) for side in ("left", "bottom", "top")]


def same(problem: Problem, found: sp.Expr, expected: sp.Expr) -> bool:
    """Whether an expression in jets is one written with unknowns, on n_x² + n_y² = 1."""
    difference = found - Jets(problem).to_jets(expected)
    angle = sp.Symbol("angle", real=True)
    if len(problem.coordinates) == 2:
        difference = difference.xreplace({N_X: sp.cos(angle), N_Y: sp.sin(angle)})
    return sp.simplify(difference) == 0


def assert_weak(
    problem: Problem, flux: tuple, source: sp.Expr, natural: Mapping[str, sp.Expr], number: int = 0
) -> None:
    form = weak_form(problem)
    equation = form.equations[number]
    assert all(same(problem, f, e) for f, e in zip(equation.flux, flux, strict=True)), equation.flux
    assert same(problem, equation.source, source), equation.source
    terms = {n.where: n.flux for n in form.natural if n.equation == equation.name}
    assert set(terms) == set(natural)
    for where, expected in natural.items():
        assert same(problem, terms[where], expected), terms[where]


def test_poisson() -> None:
    assert_weak(steady(named.POISSON), (-D(w, x), -D(w, y)), -1, {})


def test_burgers_keeps_convection_in_the_source() -> None:
    assert_weak(burgers(), (-NU * D(ut, x),), D(ut, t) + ut * D(ut, x), {})


def test_a_declared_flux_stays_and_takes_the_slope_in() -> None:
    equation = D(ut, t) + D(ut**2 / 2, x) - NU * D(ut, (x, 2))
    problem = transient(equation, [Neumann(ut, 3 * t, "left"), Dirichlet(ut, 0, "right")])
    flux = ut**2 / 2 - NU * D(ut, x)
    assert_weak(problem, (flux,), D(ut, t), {"left": N_X * ut**2 / 2 - 3 * NU * t})


def test_a_flux_condition_replaces_the_whole_flux() -> None:
    conditions = [Initial(ut, 0), Flux("momentum", t, "left"), Dirichlet(ut, 0, "right")]
    declared = {"momentum": D(ut, t) + D(ut**2 / 2, x) - NU * D(ut, (x, 2))}
    problem = Problem("conservative", Interval(-1, 1), declared, conditions)
    assert_weak(problem, (ut**2 / 2 - NU * D(ut, x),), D(ut, t), {"left": t})
    convective = {"momentum": D(ut, t) + ut * D(ut, x) - NU * D(ut, (x, 2))}
    problem = Problem("convective", Interval(-1, 1), convective, conditions)
    assert_weak(problem, (-NU * D(ut, x),), D(ut, t) + ut * D(ut, x), {"left": t - N_X * ut**2 / 2})


def test_robin_data_go_into_a_nonlinear_flux() -> None:
    problem = steady(named.NONLINEAR_DIFFUSION_EXPANDED, [*HELD, Robin(w, 2, 3, x, "right")])
    conductivity = 1 + w**2
    assert_weak(
        problem, (-conductivity * D(w, x), -conductivity * D(w, y)), -sp.sin(x),
        {"right": -conductivity * (x - 2 * w) / 3},
    )  # fmt: skip


def test_an_anisotropic_flux_takes_in_the_normal_part_only() -> None:
    problem = steady(-(2 * D(w, (x, 2)) + 2 * D(w, x, y) + 3 * D(w, (y, 2))), [*HELD, Neumann(w, x, "right")])
    tangential = N_X * D(w, y) - N_Y * D(w, x)
    u_x, u_y = N_X * x - N_Y * tangential, N_Y * x + N_X * tangential
    outward = -N_X * (2 * u_x + u_y) - N_Y * (u_x + 3 * u_y)
    assert_weak(problem, (-2 * D(w, x) - D(w, y), -D(w, x) - 3 * D(w, y)), 0, {"right": outward})


def test_a_nonlinear_isotropic_flux_takes_in_the_slope_throughout() -> None:
    problem = steady(named.MINIMAL_SURFACE, [*HELD, Neumann(w, 2, "right")])
    tangential = N_X * D(w, y) - N_Y * D(w, x)
    root = sp.sqrt(1 + D(w, x) ** 2 + D(w, y) ** 2)
    assert_weak(problem, (D(w, x) / root, D(w, y) / root), 0, {"right": 2 / sp.sqrt(5 + tangential**2)})


def test_the_normal_part_in_three_dimensions() -> None:
    z = sp.Symbol("z", real=True)
    u = unknown("u", x, y, z)
    equation = -laplacian(u) - D(u, x, y)
    held = [Dirichlet(u, 0, side) for side in ("left", "front", "back", "bottom", "top")]
    problem = Problem("box", Box((0, 0, 0), (1, 1, 1)), [equation], [*held, Neumann(u, 2, "right")])
    (term,) = weak_form(problem).natural
    on_face = {sp.Symbol("n_x", real=True): 1, N_Y: 0, sp.Symbol("n_z", real=True): 0}
    assert sp.expand(term.flux.subs(on_face) - Jets(problem).to_jets(-2 - D(u, y) / 2)) == 0


def test_time_derivatives_stay_in_the_source() -> None:
    problem = transient(named.WAVE, [Neumann(ut, 0, "left"), Dirichlet(ut, t, "right")])
    assert_weak(problem, (-4 * D(ut, x),), D(ut, (t, 2)), {"left": sp.S.Zero})
    form = weak_form(problem)
    assert [(e.unknown, e.where, e.value) for e in form.essential] == [("u", "right", t)]
    assert [(i.unknown, i.order, i.value) for i in form.initial] == [("u", 0, sp.cos(sp.pi * x)), ("u", 1, 0)]


def test_strong_damping_takes_the_slopes_rate_in() -> None:
    equation = D(ut, (t, 2)) - D(ut, (x, 2)) - 2 * D(ut, t, (x, 2))
    conditions = [Initial(ut, 0), InitialRate(ut, 0), Neumann(ut, t**2, "left"), Dirichlet(ut, 0, "right")]
    problem = Problem("damped", Interval(0, 1), [equation], conditions)
    assert_weak(
        problem, (-D(ut, x) - 2 * D(ut, x, t),), D(ut, (t, 2)), {"left": -(t**2) - 4 * t}
    )


def test_periodic_sides_are_neither_prescribed_nor_free() -> None:
    form = weak_form(transient(named.ALLEN_CAHN))
    assert form.periodic == (x,)
    assert (form.natural, form.essential, form.free) == ((), (), ())
    conditions = [Periodic(x), Dirichlet(w, 1, "bottom"), Dirichlet(w, 0, "top")]
    strip = Problem("strip", SQUARE, [named.POISSON], conditions)
    assert {e.where for e in weak_form(strip).essential} == {"bottom", "top"}


def test_navier_stokes_has_its_pressure_in_the_flux() -> None:
    a, b = VELOCITY
    sides = [Dirichlet(v, 0, side) for v in VELOCITY for side in ("left", "bottom", "top")]
    problem = flow(True, [*sides, Neumann(a, 2, "right"), Flux("momentum_y", 0, "right")])
    inertia = a * D(a, x) + b * D(a, y)
    outflow = {"right": PRESSURE * N_X - 2 * NU}
    assert_weak(problem, (PRESSURE - NU * D(a, x), -NU * D(a, y)), inertia, outflow)
    inertia = a * D(b, x) + b * D(b, y)
    assert_weak(
        problem, (-NU * D(b, x), PRESSURE - NU * D(b, y)), inertia,
        {"right": -(a * b * N_X + b**2 * N_Y)}, number=1,
    )  # fmt: skip
    assert_weak(problem, (0, 0), D(a, x) + D(b, y), {}, number=2)
    assert [e.test for e in weak_form(problem).equations] == ["u", "v", "p"]


def test_continuity_declared_as_a_divergence_is_still_a_constraint() -> None:
    a, b = VELOCITY
    equations = {
        "continuity": div(sp.Matrix([2 * a, 2 * b])),
        "momentum_y": D(PRESSURE, y) - laplacian(b),
        "momentum_x": D(PRESSURE, x) - laplacian(a),
    }
    form = weak_form(Problem("stokes", SQUARE, equations, [Dirichlet(a, y), Dirichlet(b, 0)]))
    assert [(e.name, e.test) for e in form.equations] == [
        ("continuity", "p"), ("momentum_y", "v"), ("momentum_x", "u"),
    ]  # fmt: skip
    assert form.equations[0].flux == (0, 0)


def elastic(*conditions: object) -> Problem:
    a, b = VELOCITY
    strain = grad(sp.Matrix([a, b]))
    stress = 3 * (strain + strain.T) + 2 * strain.trace() * sp.eye(2)
    force = -div(stress)
    return Problem("elastic", SQUARE, {"x_force": force[0], "y_force": force[1]}, conditions)


def test_elastic_tractions_by_expression_and_by_flux() -> None:
    a, b = VELOCITY
    sides = [Dirichlet(v, 0, side) for v in VELOCITY for side in ("left", "bottom", "top")]
    pull = [
        Condition(N_X * (8 * D(a, x) + 2 * D(b, y)) + 3 * N_Y * (D(a, y) + D(b, x)) - y, "right"),
        Condition(3 * N_X * (D(a, y) + D(b, x)) + N_Y * (2 * D(a, x) + 8 * D(b, y)), "right"),
    ]
    flux = (-8 * D(a, x) - 2 * D(b, y), -3 * (D(a, y) + D(b, x)))
    assert_weak(elastic(*sides, *pull), flux, 0, {"right": -y})
    assert_weak(elastic(*sides, *pull), (*flux[1:], -2 * D(a, x) - 8 * D(b, y)), 0, {"right": 0}, number=1)
    by_flux = [Flux("x_force", -y, "right"), Flux("y_force", 0, "right")]
    assert_weak(elastic(*sides, *by_flux), flux, 0, {"right": -y})


def test_expressions_that_are_slopes_or_values() -> None:
    conditions = [
        Condition(N_X * D(w, x) + N_Y * D(w, y) + 2 * w - y, "right"),
        Condition(3 * w - x, "top"),
        Condition(-D(w, x) * N_X - D(w, y) * N_Y, "bottom"),
        Dirichlet(w, 0, "left"),
    ]
    problem = steady(named.DARCY, conditions)
    a = named.CONDUCTIVITY
    assert_weak(problem, (-a * D(w, x), -a * D(w, y)), 0, {"right": -a * (y - 2 * w), "bottom": 0})
    assert ("u", "top", x / 3) in {(e.unknown, e.where, e.value) for e in weak_form(problem).essential}


def test_points_are_passed_on() -> None:
    a, b = VELOCITY
    problem = flow(False, [Dirichlet(a, y), Dirichlet(b, 0), PointValue(PRESSURE, 0, (0, 0))])
    assert [p.at for p in weak_form(problem).points] == [(0.0, 0.0)]


def test_a_boundary_about_which_nothing_was_said_is_noted() -> None:
    problem = transient(D(ut, t) + D(ut**2 / 2, x), [Dirichlet(ut, 0, "left")])
    form = weak_form(problem)
    assert form.free == (("equation", "right"),)
    assert form.notes == ("equation on right: no condition, so F·n = 0",)


def test_curved_boundaries_by_name() -> None:
    domain = Rectangle((-1, -1), (1, 1), name="outer") - Disk((0, 0), 0.2, name="hole")
    problem = Problem("holes", domain, [named.POISSON], [Dirichlet(w, 1, "hole"), Neumann(w, x, "outer")])
    assert_weak(problem, (-D(w, x), -D(w, y)), -1, {"outer": -x})
    assert [(e.where, e.value) for e in weak_form(problem).essential] == [("hole", 1)]


def test_linearisation() -> None:
    problem = steady(named.NONLINEAR_DIFFUSION)
    jets = Jets(problem)
    u, u_x = jets.to_jets(w), jets.to_jets(D(w, x))
    first, source = linearise(weak_form(problem).equations[0].flux[0], u**3 + sp.Heaviside(u))
    assert first == {Jet("u", (0, 0)): -2 * u * u_x, Jet("u", (1, 0)): -(1 + u**2)}
    assert source == {Jet("u", (0, 0)): 3 * u**2}


def test_third_order_is_refused_with_a_mend() -> None:
    with pytest.raises(FormUnavailable, match="order 3 in space") as caught:
        weak_form(transient(named.KDV))
    assert "introduce an unknown" in caught.value.mend


def test_second_order_terms_that_are_no_divergence_are_refused() -> None:
    with pytest.raises(FormUnavailable, match="second order and no divergence"):
        weak_form(steady(named.MONGE_AMPERE))


def test_conditions_that_no_weak_form_takes_are_refused() -> None:
    with pytest.raises(FormUnavailable, match="neither F·n, nor a normal derivative"):
        weak_form(steady(named.POISSON, [*HELD, Condition(D(w, y) - w, "right")]))
    disk = Problem("disk", Disk((0, 0), 1), [POISSON_OF_W], [Condition(D(w, y) - w, "rim")])
    with pytest.raises(FormUnavailable, match=r"on 'rim'"):
        weak_form(disk)


def test_on_a_side_along_an_axis_the_normal_is_known() -> None:
    """Slip walls are values of one component there, and u_x is ∂u/∂n."""
    a, b = VELOCITY
    held = [Dirichlet(v, 0, side) for v in VELOCITY for side in ("left", "bottom", "top")]
    found = weak_form(flow(True, [*held, Condition(N_X * a + N_Y * b, "right"), Neumann(b, 0, "right")]))
    assert [(e.unknown, e.value) for e in found.essential if e.where == "right"] == [("u", 0)]
    problem = steady(named.POISSON, [*HELD, Condition(3 * D(w, x) - y, "right")])
    assert_weak(problem, (-D(w, x), -D(w, y)), weak_form(problem).equations[0].source, {"right": -y / 3})
    held = [Dirichlet(w, 0, side) for side in ("right", "bottom", "top")]
    left = steady(named.POISSON, [*held, Condition(D(w, x) - y, "left")])
    assert weak_form(left).natural[0].flux == y


class TestPairing:
    """Boundary data decide which unknown's test functions multiply m = Δu and Δm = f."""

    m = unknown("m", x, y)
    equations: Mapping[str, sp.Expr] = {"bending": laplacian(m) - 1, "moment": m - laplacian(w)}

    def paired(self, conditions: list) -> dict[str, str]:
        problem = Problem("plate", SQUARE, self.equations, conditions)
        return {e.name: e.test for e in weak_form(problem).equations}

    def test_clamped(self) -> None:
        name = w.func.__name__
        assert self.paired([Dirichlet(w, 0), Neumann(w, 0)]) == {"bending": name, "moment": "m"}

    def test_supported(self) -> None:
        name = w.func.__name__
        assert self.paired([Dirichlet(w, 0), Dirichlet(self.m, 0)]) == {"bending": "m", "moment": name}

    def test_both_slopes(self) -> None:
        held = [Dirichlet(w, 0, "left"), Dirichlet(self.m, 0, "left")]
        slopes = [Neumann(f, 0, s) for f in (w, self.m) for s in ("right", "bottom", "top")]
        assert set(self.paired([*held, *slopes]).values()) == {w.func.__name__, "m"}

    def test_darcy_flow_tests_the_balance_with_the_pressure(self) -> None:
        a, b = VELOCITY
        equations = {
            "a": a + D(PRESSURE, x), "b": b + D(PRESSURE, y), "balance": D(a, x) + D(b, y) - 1,
        }  # fmt: skip
        problem = Problem("darcy", SQUARE, equations, [Dirichlet(PRESSURE, 0)])
        assert {e.name: e.test for e in weak_form(problem).equations} == {"a": "u", "b": "v", "balance": "p"}


class TestUnsettledFlux:
    """With its derivatives carried out, elasticity does not say what its tractions are."""

    a, b = VELOCITY
    shear = D(a, y) + D(b, x)
    stress = (5 * D(a, x) + 3 * D(b, y), shear), (shear, 3 * D(a, x) + 5 * D(b, y))
    held = [Dirichlet(f, 0, side) for f in VELOCITY for side in ("left", "bottom", "top")]
    traction = [Flux("along", 1, "right"), Flux("up", 0, "right")]

    def problem(self, written: bool, conditions: list) -> Problem:
        rows = [div(row, [x, y]) for row in self.stress]
        rows = rows if written else [row.doit() for row in rows]
        return Problem("plate", SQUARE, dict(zip(("along", "up"), rows, strict=True)), conditions)

    def test_traction_is_refused(self) -> None:
        with pytest.raises(FormUnavailable, match=r"F·n of equation 'along' on 'right'") as caught:
            weak_form(self.problem(False, [*self.held, *self.traction]))
        assert "div(stress)" in caught.value.mend
        with pytest.raises(FormUnavailable, match="F·n"):
            condition_residual(self.traction[0], self.problem(False, [*self.held, *self.traction]))

    def test_declared_stress_is_kept(self) -> None:
        found = weak_form(self.problem(True, [*self.held, *self.traction]))
        assert same(self.problem(True, [*self.held, *self.traction]), found.equations[1].flux[0], self.shear)

    def test_values_alone_need_no_traction(self) -> None:
        weak_form(self.problem(False, [Dirichlet(f, 0) for f in VELOCITY]))


@pytest.mark.parametrize(
    ("coefficient", "jumps"),
    [
        (sp.Piecewise((1, x < sp.Rational(1, 3)), (4, True)), True),
        (1 + 3 * sp.Heaviside(x + y - 1), True),
        (2 + sp.sign(w), True),
        (sp.Piecewise((1 + x, x < sp.Rational(1, 2)), (2 - x, True)), False),
        (1 + sp.Abs(x - sp.Rational(1, 2)) + sp.Max(w, 0), False),
    ],
    ids=str,
)
def test_a_coefficient_that_jumps_must_stand_in_a_divergence(coefficient: sp.Expr, jumps: bool) -> None:
    expanded = steady(sp.Eq(-coefficient * laplacian(w), 1))
    if jumps:
        with pytest.raises(FormUnavailable, match="stands before second derivatives") as caught:
            weak_form(expanded)
        assert "div(a*grad(u))" in caught.value.mend
    else:
        weak_form(expanded)
    weak_form(steady(sp.Eq(-div(coefficient * grad(w)), 1)))


def test_statements_that_no_test_function_feels_are_listed() -> None:
    line = unknown("u", x)
    equation = D(line, (x, 2)) + line
    conditions = [Dirichlet(line, 0, "left"), Neumann(line, 1, "left")]
    start = Problem("start", Interval(0, 1), [equation], conditions)
    assert weak_form(start).idle == (("the slope of u", "left"),)
