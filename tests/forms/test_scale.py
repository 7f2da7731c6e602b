"""Scaled problems mean the same, are of order one, and come back; bad scales are refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.sampled import points_of
from pinnkit.forms import Jets, condition_residual, emit, show, strong_form
from pinnkit.forms.magnitudes import Sizes, Statement
from pinnkit.forms.scale import scale
from pinnkit.geometry import sampling

from .si import PAIRS, heat

x, y = pk.coordinates("x y")


def inside(problem, count=200):
    clock = (problem.time.start, problem.time.end) if problem.time is not None else None
    points = sampling.interior(problem.domain, count, seed=1, time=clock)
    return dict(zip(problem.variables, points.T, strict=True))


def inserted(residual, problem, exact, points):
    """A residual in jets with expressions for the unknowns, and the size of its largest term, at points."""
    jets = Jets(problem)
    fields = {f: exact[f.func.__name__] for f in problem.unknowns}
    known = {p: p.value for p in problem.parameters}
    terms = [
        jets.from_jets(term).xreplace(fields).doit().xreplace(known)
        for term in sp.Add.make_args(sp.expand_mul(residual))
    ]
    arguments = list(points)
    values = np.stack(emit(terms, arguments, np)(*points.values()))
    return np.abs(values.sum(0)), np.abs(values).max()


def assert_solved_by(scaling, exact):
    """The scaled problem is solved by (exact − offset)/unit, in every equation and condition."""
    problem, units = scaling.problem, scaling.scales.unknowns
    own = {
        name: (expression - sp.Float(units[name].offset)) / sp.Float(units[name].unit)
        for name, expression in exact.items()
    }
    points = inside(problem)
    for equation in strong_form(problem).equations:
        miss, size = inserted(equation.residual, problem, own, points)
        assert miss.max() < 1e-8 * max(size, 1), equation.name
    for condition in problem.conditions:
        at = points_of(problem, condition, points)
        if at is not None:
            miss, size = inserted(condition_residual(condition, problem).residual, problem, own, at)
            assert miss.max() < 1e-8 * max(size, 1), condition


@pytest.mark.parametrize("name", PAIRS)
def test_si_problems_come_to_order_one_and_keep_their_solution(name):
    problem = PAIRS[name](True)
    scaling = scale(problem)
    assert not scaling.identity
    assert_solved_by(scaling, problem.exact)
    points = inside(problem)
    columns = np.stack(list(points.values()))
    for known, unit in scaling.scales.unknowns.items():
        (values,) = emit([problem.exact[known]], list(points), np)(*columns)
        assert 0.05 < np.abs((values - unit.offset) / unit.unit).max() < 8, known
    sizes = Sizes(
        dict.fromkeys(problem.unknown_names, 1.0), {}, 2 / (np.array(problem.upper) - np.array(problem.lower))
    )
    for equation in strong_form(scaling.problem).equations:
        assert 0.2 < Statement(scaling.problem, equation.residual, points).drive(sizes).size < 5
    for condition in scaling.problem.conditions:
        residual = condition_residual(condition, scaling.problem).residual
        at = points_of(scaling.problem, condition, points)
        assert 0.2 < Statement(scaling.problem, residual, at).drive(sizes).size < 5


@pytest.mark.parametrize("name", PAIRS)
def test_what_is_of_order_one_stays_the_very_problem(name):
    problem = PAIRS[name](False)
    scaling = scale(problem)
    assert scaling.identity
    assert scaling.problem is problem
    assert scaling.setting() == "none"


def bar(conditions, length=1e-2, k=40.0, source=0.0):
    u = pk.unknown("u", x)
    equation = -k * sp.Derivative(u, (x, 2)) - source
    return pk.Problem("bar", pk.Interval(0, length), {"bar": equation}, conditions(u))


def test_conditions_on_slopes_give_the_unknown_its_size_and_are_measured_in_units_of_one():
    # 1 MW/m² through 1 cm of steel: 250 K over the bar.
    ends = lambda u: [pk.Dirichlet(u, 300, "left"), pk.Flux("bar", -1e6, "right")]  # noqa: E731
    problem = bar(ends)
    scaling = scale(problem)
    assert_solved_by(scaling, {"u": 300 + 2.5e4 * x})
    assert 64 <= scaling.scales.unknowns["u"].unit <= 512
    flux = scaling.problem.conditions[1]
    assert isinstance(flux, pk.Flux)
    (value,) = [t for t in condition_residual(flux, scaling.problem).residual.args if t.is_Number]
    assert 0.1 < abs(value) < 10


@pytest.mark.parametrize(
    ("conditions", "exact"),
    [
        (lambda u: [pk.Dirichlet(u, 300, "left"), pk.Neumann(u, 2.5e4, "right")], 300 + 2.5e4 * x),
        (lambda u: [pk.Dirichlet(u, 300, "left"), pk.Robin(u, 1e3, 40, 1.55e6, "right")], 300 + 2.5e4 * x),
        (
            lambda u: [pk.Dirichlet(u, 300, "left"), pk.Condition(40 * sp.Derivative(u, x) - 1e6, "right")],
            300 + 2.5e4 * x,
        ),
        (lambda u: [pk.PointValue(u, 300, (0,)), pk.Neumann(u, 2.5e4, "right")], 300 + 2.5e4 * x),
    ],
)
def test_every_kind_of_condition_keeps_its_meaning(conditions, exact):
    scaling = scale(bar(conditions))
    assert not scaling.identity
    assert_solved_by(scaling, {"u": exact})


def test_rates_at_the_start_are_measured_in_units_of_the_unknown_over_time():
    t = pk.time("t", 0, 1e-5)
    u = pk.unknown("u", x, t)
    exact = 1e-4 * sp.sin(100 * sp.pi * x) * sp.sin(100 * sp.pi * 5000 * t)
    wave = sp.Derivative(u, (t, 2)) - 25e6 * sp.Derivative(u, (x, 2))
    rate = sp.diff(exact, t).subs(t, 0)
    problem = pk.Problem(
        "rod", pk.Interval(0, 1e-2), [wave],
        [pk.Dirichlet(u, 0), pk.Initial(u, 0), pk.InitialRate(u, rate)],
    )  # fmt: skip
    scaling = scale(problem)
    assert_solved_by(scaling, {"u": exact})
    row = condition_residual(scaling.problem.conditions[-1], scaling.problem).residual
    (slope,) = [sp.diff(row, s) for s in row.free_symbols if str(s) == "u_t"]
    assert 1e-6 < slope < 1e-5


def test_a_flux_that_a_shift_changes_is_written_out():
    # F = c u − k u_x: shifting u by 300 leaves 300 c out of the flux of the scaled equation.
    u = pk.unknown("u", x)
    c, k = 2.0, 1.0
    exact = 300 + sp.exp(c * x / k)
    flux = c * u - k * sp.Derivative(u, x)
    equation = {"carried": c * sp.Derivative(u, x) - k * sp.Derivative(u, (x, 2))}
    ends = [pk.Dirichlet(u, exact.subs(x, 0), "left"), pk.Flux("carried", 600, "right")]
    problem = pk.Problem("carried", pk.Interval(0, 1), equation, ends)
    assert float(flux.subs(u, exact).doit().simplify()) == 600
    scaling = scale(problem, {"u": {"unit": 4, "offset": 300}})
    assert_solved_by(scaling, {"u": exact})


def test_a_source_alone_gives_the_size_by_its_own_wave_length():
    u = pk.unknown("u", x, y)
    waves = 1e7 * sp.sin(20 * sp.pi * x) * sp.sin(20 * sp.pi * y)
    problem = pk.Problem(
        "source", pk.Rectangle((0, 0), (1, 1)), [-pk.laplacian(u) - waves], [pk.Dirichlet(u, 0)]
    )
    found = scale(problem).scales.unknowns["u"]
    size = 1e7 / (2 * (20 * np.pi) ** 2)
    assert size / 4 < found.unit < 4 * size


def test_unknowns_of_a_system_without_data_follow_from_those_with():
    scales = scale(PAIRS["navier_stokes"](True)).scales.unknowns
    assert scales["p"].offset == pytest.approx(1e5, rel=1e-3)
    u, v, p = (pk.unknown(name, x, y) for name in "uvp")
    wind = sp.ImmutableMatrix([u, v])
    stokes = {"momentum": pk.grad(p) - 1e-3 * pk.laplacian(wind), "continuity": pk.div(wind)}
    problem = pk.Problem(
        "stokes", pk.Rectangle((0, 0), (1e-6, 1e-6)), stokes,
        [pk.Dirichlet(wind, 0, ("left", "right", "bottom")[i]) for i in range(3)]
        + [pk.Dirichlet(wind, [1e-3, 0], "top"), pk.PointValue(p, 0, (0, 0))],
    )  # fmt: skip
    found = scale(problem).scales.unknowns
    assert 1e-4 < found["v"].unit < 1e-2
    assert 0.3 < found["p"].unit < 30  # μU/L = 1 Pa


def test_a_parameter_found_from_zero_gets_a_unit_and_comes_back(tmp_path):
    u = pk.unknown("u", x)
    f = pk.parameter("f", 0, infer=True)
    (tmp_path / "data.csv").write_text("x,u\n0.005,20\n0.002,19\n")
    problem = pk.Problem(
        "load", pk.Interval(0, 0.01), [-sp.Derivative(u, (x, 2)) - f], [pk.Dirichlet(u, 0)],
        [pk.Observations(u, str(tmp_path / "data.csv"), noise=0.5)],
    )  # fmt: skip
    scaling = scale(problem, {"u": 10})
    assert 1e4 < scaling.scales.parameters["f"] < 1e7  # u ~ f L²/8
    assert scaling.parameters({"f": 2.0})["f"] == 2 * scaling.scales.parameters["f"]
    (entry,) = scaling.problem.observations
    assert entry.noise == pytest.approx(0.05)
    from pinnkit.declare.measurements import read_measurements

    np.testing.assert_allclose(read_measurements(entry, scaling.problem)[1], [2, 1.9])


def test_bounds_of_a_parameter_are_scaled_with_it(tmp_path):
    u, nu = pk.unknown("u", x), pk.parameter("nu", 2e-6, infer=True, bounds=(1e-6, 4e-6))
    (tmp_path / "data.csv").write_text("x,u\n0.5,0.06\n")
    problem = pk.Problem(
        "nu", pk.Interval(0, 1), [-nu * sp.Derivative(u, (x, 2)) - 1e-6], [pk.Dirichlet(u, 0)],
        [pk.Observations(u, str(tmp_path / "data.csv"))],
    )  # fmt: skip
    (own,) = scale(problem, {"nu": 1e-6}).problem.parameters
    assert own.value == pytest.approx(2)
    assert own.bounds == pytest.approx((1, 4))


def test_values_derivatives_and_residuals_come_back():
    scaling = scale(heat(), {"T": {"unit": 50, "offset": 300}, "equations": {"heat": 7}})
    found = {"T": np.array([[0.0, 1.0], [2.0, -1.0]])}
    np.testing.assert_allclose(scaling.values({"T": np.array([1.0])})["T"], [350])
    np.testing.assert_allclose(scaling.derivatives(found, [(0, 0), (1, 0)])["T"], [[300, 50], [400, -50]])
    np.testing.assert_allclose(scaling.residuals({"heat": np.array([2.0])})["heat"], [14])


def test_what_was_found_is_written_out_and_gives_the_same_again():
    first = scale(heat())
    again = scale(heat(), first.setting())
    assert again.scales.unknowns == first.scales.unknowns
    assert again.scales.equations == first.scales.equations
    assert again.problem == first.problem


def test_show_prints_units_and_the_scaled_form():
    text = show(heat(), "scaled", latex=False)
    assert "T as declared is 328 + 16·T here" in text
    assert "divided by 5.369e+08" in text
    assert "as declared: nothing is far from one" in show(heat(False), "scaled")


def test_a_unit_that_the_data_miss_by_far_is_told():
    (note,) = [n for n in scale(heat(), {"T": 1e-6}).notes if "seems to reach" in n]
    assert note.startswith("scales: T is given in units of 1e-06")


@pytest.mark.parametrize(
    ("setting", "words"),
    [
        ({"T": 0}, "T is 0"),
        ({"T": -2.0}, "T is -2"),
        ({"T": float("nan")}, "T is nan"),
        ({"T": True}, "T is True"),
        ({"T": "big"}, "T is 'big'"),
        ({"S": 1}, "unknown name in scales: 'S'"),
        ({"t": 0}, "t is 0"),
        ({"T": {"offset": 300}}, "an offset without a unit"),
        ({"T": {"size": 3}}, "unknown entry of scales.T 'size'"),
        ({"equations": {"cold": 1}}, "unknown equation in scales: 'cold'"),
        ({"equations": 3}, "equations: 3"),
        ("big", "scales: 'big'"),
        (3, "scales: 3"),
    ],
)
def test_bad_scales_are_refused(setting, words):
    with pytest.raises(pk.DeclarationError) as refusal:
        scale(heat(), setting)
    assert words in str(refusal.value)
    assert refusal.value.mend
    assert refusal.value.section == "scales"


def test_known_parameters_need_no_scale():
    u, k = pk.unknown("u", x), pk.parameter("k", 3)
    problem = pk.Problem("k", pk.Interval(0, 1), [-k * sp.Derivative(u, (x, 2)) - 1], [pk.Dirichlet(u, 0)])
    with pytest.raises(pk.DeclarationError, match="k is a parameter with a known value"):
        scale(problem, {"k": 3})
