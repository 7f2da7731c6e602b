"""Networks joined at interfaces: what is matched, who is evaluated, and what is refused."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp
from scipy.io import loadmat

import pinnkit as pk
from pinnkit.declare import read
from pinnkit.driver import run
from pinnkit.driver.numerics import precise
from pinnkit.forms import emit
from pinnkit.forms.errors import FormUnavailable
from pinnkit.forms.traces import Trace
from pinnkit.solvers import get
from pinnkit.solvers._interfaces import continuous, jumps_of_coefficients
from pinnkit.solvers._material import material_cuts
from pinnkit.solvers._partition import _decomposed

x, y = pk.coordinates("x y")
t = pk.time("t", 0, 1)
u, v, w = pk.unknown("u", x), pk.unknown("v", x, y), pk.unknown("w", x, t)
LINE, SQUARE = pk.Interval(0, 1), pk.Rectangle((-1, -1), (1, 1))


def solved(problem, solver, **options):
    given = [(("solver", key), value) for key, value in {"name": solver, **options}.items()]
    return run(problem, overrides=given, progress=False).solution


def exactly(problem, points):
    return emit([next(iter(problem.exact.values()))], problem.variables, np)(*points.T)[0]


def error(problem, solution, count=1000):
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (count, len(problem.variables)))
    truth = exactly(problem, points)
    return float(np.linalg.norm(solution(points) - truth) / np.linalg.norm(truth))


@cache
def poisson():
    return pk.manufactured("p", SQUARE, [-pk.laplacian(v)], {v: sp.exp(x) + sp.exp(y)}, "dirichlet")


def darcy(first, second):
    a = sp.Piecewise((first, x < sp.Rational(1, 2)), (second, True))
    return pk.Problem(
        name="darcy", domain=LINE, equations=[-sp.Derivative(a * u.diff(x), x)],
        conditions=[pk.Dirichlet(u, 0, where="left"), pk.Dirichlet(u, 1, where="right")],
    )  # fmt: skip


# -- what is matched -----------------------------------------------------------------------------------------


def matched(problem, by_flux, residuals=False):
    return {str(row.expression) for row in continuous(problem, by_flux, residuals)}


def line(equation, unknown=w, *conditions):
    return pk.Problem(
        name="line", domain=LINE, equations=[equation], conditions=[pk.Initial(unknown, 0), *conditions]
    )


def test_diffusion_matches_values_and_fluxes_or_slopes():
    heat = line(w.diff(t) + w * w.diff(x) - 3 * w.diff(x, 2), w, pk.Dirichlet(w, 0))
    assert matched(heat, True) == {"w", "n_t*w + n_x*(w**2/2 - 3*w_x)"}
    assert matched(heat, False, True) == {"w", "n_x*w_x", "w*w_x + w_t - 3*w_xx"}


def test_higher_orders_match_all_lower_derivatives_and_waves_rates():
    kdv = line(w.diff(t) + w.diff(x, 3), w, pk.Periodic(x))
    assert matched(kdv, True) == {"w", "n_x*w_x", "n_t*w + n_x*w_xx"}
    wave = line(w.diff(t, 2) - w.diff(x, 2), w, pk.InitialRate(w, 0), pk.Dirichlet(w, 0))
    assert matched(wave, False) == {"w", "n_x*w_x", "n_t*w_t"}


def test_without_a_flux_cpinn_is_refused_and_xpinn_is_not():
    squared = pk.Problem(
        name="eikonal", domain=SQUARE, equations=[v.diff(x) ** 2 + v.diff(y) ** 2 - 1],
        conditions=[pk.Dirichlet(v, 0)],
    )  # fmt: skip
    with pytest.raises(FormUnavailable):
        continuous(squared, True, False)
    assert get("cpinn").unmet(squared)
    assert not get("xpinn").unmet(squared)


def test_a_hat_added_to_the_exact_solution_has_a_loss():
    """The null space of the published loss: both sides solve the equation, and only the slope jumps."""
    rows = continuous(poisson(), False, True)
    hat = sp.Piecewise((x + 1, x < 0), (1 - x, True))
    normals = dict(zip(sp.symbols("n_x n_y", real=True), (1, 0), strict=True))
    for added, missing in ((0, set()), (hat, {"flux"})):
        field = sp.exp(x) + sp.exp(y) + added
        jumping = set()
        for row in rows:
            sides = []
            for side in (-1, 1):
                near = sp.Rational(side, 10**9)
                values = {s: sp.diff(field, *((a, n) for a, n in zip((x, y), s.jet.index, strict=True) if n))
                          if any(s.jet.index) else field for s in row.expression.atoms(sp.Symbol)
                          if hasattr(s, "jet")}  # fmt: skip
                sides.append(float(row.expression.xreplace(values | normals).subs({x: near, y: 0.3})))
            if abs(sides[1] - sides[0]) > 1e-6:
                jumping.add(row.kind)
        assert jumping == missing


class Known:
    """Fields that are a given function of the points: eˣ + eʸ with ``slope`` times a hat over x added."""

    def __init__(self, slope):
        self.slope = slope

    def jets(self, at, needs):
        one, other = at.x[:, 0], at.x[:, 1]
        values = {
            (0, 0): jnp.exp(one) + jnp.exp(other) + self.slope * (1 - jnp.abs(one)),
            (1, 0): jnp.exp(one) - self.slope * jnp.sign(one),
            (0, 1): jnp.exp(other), (2, 0): jnp.exp(one), (0, 2): jnp.exp(other),
        }  # fmt: skip

        def value(key):
            return sum(w * values[i] for w, _, i in key.terms) if isinstance(key, Trace) else values[key]

        return {(name, key): value(key) for name, keys in needs.items() for key in keys}

    def parameters(self):
        return {}


@pytest.mark.parametrize("solver", ["xpinn", "cpinn"])
def test_the_posed_loss_sees_a_hat_and_not_the_solution(solver):
    """The equation holds on either side of the kink: interfaces alone see it, and the boundary its values."""
    given = {"subdomains": {"x": [0.0]}, "conditions": "soft", "points": {"interior": 40, "boundary": 20}}
    with precise():
        chosen = get(solver)
        posed = chosen.build(poisson(), chosen.options.model_validate(given), 0).least_squares
        exact, hat = (
            {b.name: float(jnp.mean(b.residual(Known(slope), b.points) ** 2)) for b in posed.blocks}
            for slope in (0.0, 1.0)
        )
    assert max(exact.values()) < 1e-12
    assert hat["equations"] < 1e-12 < 1e-2 < hat["interfaces"]


def test_the_zoo_cuts_the_clouds_of_the_published_case_as_they_are_given(cases):
    declaration = read(Path(__file__).parents[2] / "problems" / "xpinn_poisson.yaml")
    options = get("xpinn").options.model_validate(
        {"levels": declaration.settings["solver"]["levels"]}
    )
    found, _ = _decomposed(declaration.problem, options)
    clouds = loadmat(cases / "data" / "xpinn" / "XPINN_2D_PoissonEqn.mat")
    owners = []
    for part in "123":
        points = np.stack([clouds[f"x_f{part}"][0], clouds[f"y_f{part}"][0]], axis=1)
        assert np.mean(declaration.problem.domain.contains(points)) > 0.999  # the boundary is a polygon here
        (owner,) = np.unique(found.owners(points))
        owners.append(owner)
    assert len(set(owners)) == 3


# -- solutions -----------------------------------------------------------------------------------------------


def test_a_disk_and_the_rest_are_joined():
    shapes = {"disk": {"disk": {"center": [0.3, 0.2], "radius": 0.4}}, "outside": "rest"}
    solution = solved(
        poisson(), "xpinn", shapes=shapes, network={"width": 60}, points={"interior": 500, "interface": 60}
    )
    assert error(poisson(), solution) < 1e-6
    assert any("cut as given by shapes; 1 interfaces with 60 points" in n for n in solution.record.notes)


@pytest.mark.parametrize("solver", ["cpinn", "xpinn"])
def test_flux_through_a_jump_of_the_coefficient(solver):
    solution = solved(darcy(1, 100), solver, network={"width": 16}, points={"interior": 200})
    at = np.array([[0.1], [0.49], [0.51], [0.9]])
    slopes = solution.derivatives(at, [(1,)])["u"][:, 0]
    np.testing.assert_allclose(slopes * [1, 1, 100, 100], 200 / 101, rtol=1e-6)
    assert not any("is not seen" in note for note in solution.record.notes)


def test_networks_of_different_architectures_are_trained_together():
    exact = sp.tanh(4 * x) / 2 + x
    problem = pk.manufactured("m", LINE, [-u.diff(x, 2) + u**3], {u: exact}, "dirichlet")
    solution = solved(
        problem, "cpinn", subdomains={"x": [0.4]}, network={"width": 5, "depth": 1},
        networks={"box 1": {"width": 7, "activation": "sin"}}, points={"interior": 80},
        optimizer=[{"levenberg_marquardt": 40}],
    )  # fmt: skip
    assert solution.record.parameter_count == 3 * 5 + 1 + 3 * 7 + 1
    assert error(problem, solution) < 1e-4


# -- where it is cut -----------------------------------------------------------------------------------------


def test_jumps_of_coefficients_are_found():
    assert material_cuts(darcy(1, 2)) == (((0.5,),), [])
    assert jumps_of_coefficients(darcy(1, 2))
    assert not jumps_of_coefficients(poisson())
    ring = sp.Piecewise((1, x**2 + y**2 < sp.Rational(1, 4)), (5, True))
    stripes = sp.Piecewise((1, x**2 < sp.Rational(1, 4)), (5, sp.sin(4 * y) > 0), (2, True))
    board = sp.Piecewise((1, x * sp.cos(4 * y) > 0), (5, True))
    for coefficient, cuts, levels in (
        (ring, ((), ()), 1),
        (board, ((0,), (-np.pi / 8, np.pi / 8)), 0),
        (stripes, ((-0.5, 0.5), (-np.pi / 4, 0, np.pi / 4)), 0),
    ):  # fmt: skip
        flux = [coefficient * v.diff(c) for c in (x, y)]
        problem = pk.Problem(
            name="m", domain=SQUARE, conditions=[pk.Dirichlet(v, 0)],
            equations=[-sum(sp.Derivative(f, c) for f, c in zip(flux, (x, y), strict=True)) - 1],
        )  # fmt: skip
        found, zeros = material_cuts(problem)
        assert len(zeros) == levels
        for given, expected in zip(found, cuts, strict=True):
            np.testing.assert_allclose(given, expected, atol=1e-9)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"subdomains": {"x": [0.5, 3]}}, "from 3 to 1 is empty"),
        ({"subdomains": {"x": 1}}, "has one subdomain"),
        ({"subdomains": {"x": 2}, "sites": [[0, 0], [1, 1]]}, "by subdomains and by sites"),
        ({"shapes": {"a": {"disk": {"center": [0, 0], "radius": 0.5}}}}, "leave no gap"),
        (
            {"shapes": {"a": {"disk": {"center": [0, 0], "radius": 0.5}},
                        "b": {"disk": {"center": [0.2, 0], "radius": 0.5}}, "c": "rest"}},
            "a and b overlap",
        ),
        ({"sites": [[0, 0], [9, 9]]}, "cell 2 holds none"),
        ({"levels": ["x - 0.5*z"]}, "z"),
        ({"levels": ["2"]}, "the same everywhere"),
        ({"cells": "groups"}, "no named groups of cells"),
        ({"cells": 2, "sites": [[0, 0], [1, 1]]}, "by sites and by cells"),
        ({"subdomains": {"x": 2}, "networks": {"7": {"width": 3}}}, "unknown subdomain '7'"),
        ({"subdomains": {"x": 2}, "networks": {"1": {"widht": 3}}}, "widht"),
    ],
)  # fmt: skip
def test_what_is_no_decomposition_is_refused(options, says):
    solver = get("xpinn")
    with precise(), pytest.raises(pk.DeclarationError, match=says):
        solver.build(poisson(), solver.options.model_validate(options), 0)
