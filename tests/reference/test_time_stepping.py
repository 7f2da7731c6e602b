"""Integration in time: jumps of data, constraints, blow-up, and spans of any length."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import ReferenceUnavailable, fem_reference
from pinnkit.reference.breaks import time_breaks
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes

X, Y = pk.coordinates("x y")
T = pk.time("t", 0, 1)
W = pk.unknown("w", X, T)
LINE = pk.Interval(0, 1)
ARCH = sp.sin(sp.pi * X)
THIRD = sp.Rational(1, 3)


def _heat(source, *conditions, initial=0) -> pk.Problem:
    return pk.Problem(
        name="heat",
        domain=LINE,
        equations=[sp.Eq(sp.diff(W, T) - sp.diff(W, X, 2), source)],
        conditions=[*(conditions or [pk.Dirichlet(W, 0)]), pk.Initial(W, initial)],
    )


def _check(problem, exact, tolerance=1e-3):
    reference = fem_reference(problem, tolerance=tolerance)
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (3000, 2))
    wanted = sp.lambdify(problem.variables, exact, "numpy")(*points.T)
    error = np.linalg.norm(reference.evaluate(points)["w"] - wanted) / np.linalg.norm(wanted)
    assert error <= reference.error_bar["w"] <= max(5 * error, 1e-12)
    return error, reference


@pytest.mark.parametrize(
    ("factor", "moments"),
    [
        (sp.Heaviside(T - THIRD), [1 / 3]),
        (sp.Piecewise((1, T < THIRD), (2, T**2 < 0.5625), (T, True)), [1 / 3, 3 / 4]),
        (sp.Abs(T**2 - sp.Rational(1, 4)), [1 / 2]),
        (sp.Max(sp.sin(2 * sp.pi * T), 0), [1 / 2]),
        (sp.sign(sp.cos(2 * sp.pi * T)), [1 / 4, 3 / 4]),
        (sp.Heaviside(T - X) + sp.Heaviside(W) + sp.Heaviside(T - 2), []),
    ],
)
def test_moments_at_which_data_switch_are_found(factor, moments):
    assert time_breaks(derive(_heat(factor))) == pytest.approx(moments, abs=1e-12)


def test_a_source_that_is_switched_on():
    grown = 1 - sp.exp(-(T - THIRD))
    source = ARCH * sp.Heaviside(T - THIRD) * (sp.exp(-(T - THIRD)) + sp.pi**2 * grown)
    exact = ARCH * sp.Piecewise((grown, T > THIRD), (0, True))
    error, reference = _check(_heat(source), exact)
    # Across the jump, the method would be of first order at best.
    assert error < 1e-8
    times = reference.solution.trajectory.times
    assert 1 / 3 in times
    # A step that saw the data after the jump would be cut again and again.
    assert np.diff(times[times <= 1 / 3 + 1e-12])[-1] > 1e-4


def test_a_decay_at_the_start_is_not_jumped_over():
    """Over 1e4 times as long as it takes, of which a damped error estimate sees nothing."""
    late = pk.time("t", 0, 1000)
    warm = pk.unknown("u", X, late)
    exact = X + ARCH * sp.exp(-(sp.pi**2) * late)
    problem = pk.Problem(
        name="decay",
        domain=LINE,
        equations=[sp.Eq(sp.diff(warm, late), sp.diff(warm, X, 2))],
        conditions=[pk.Dirichlet(warm, X), pk.Initial(warm, X + ARCH)],
    )
    reference = fem_reference(problem)
    points = np.array([[0.5, moment] for moment in (0.01, 0.1, 1.0, 10.0, 500.0)])
    wanted = sp.lambdify((X, late), exact)(*points.T)
    assert np.abs(reference.evaluate(points)["u"] - wanted).max() < 1e-4


def test_a_wave_that_is_switched_on():
    source = ARCH * sp.Heaviside(T - THIRD)
    exact = ARCH / sp.pi**2 * sp.Piecewise((1 - sp.cos(sp.pi * (T - THIRD)), T > THIRD), (0, True))
    problem = pk.Problem(
        name="wave",
        domain=LINE,
        equations=[sp.Eq(sp.diff(W, T, 2) - sp.diff(W, X, 2), source)],
        conditions=[pk.Dirichlet(W, 0), pk.Initial(W, 0), pk.InitialRate(W, 0)],
    )
    error, _ = _check(problem, exact)
    assert error < 1e-8


def test_a_boundary_value_that_jumps():
    """Duhamel: the jump's own solution, by its series, from the moment of the jump."""
    conditions = [pk.Dirichlet(W, sp.Heaviside(T - THIRD), "left"), pk.Dirichlet(W, 0, "right")]
    reference = fem_reference(_heat(0, *conditions), tolerance=1e-2)
    x, t = np.meshgrid(np.linspace(0, 1, 41), np.array([0.3, 0.34, 0.4, 0.9]))
    modes = np.arange(1, 200)[:, None, None]
    since = np.maximum(t - 1 / 3, 0)
    series = 2 / (modes * np.pi) * np.sin(modes * np.pi * x) * np.exp(-((modes * np.pi) ** 2) * since)
    wanted = np.where(t > 1 / 3, 1 - x - series.sum(axis=0), 0)
    found = reference.evaluate(np.column_stack([x.ravel(), t.ravel()]))["w"].reshape(x.shape)
    np.testing.assert_allclose(found, wanted, atol=2e-3)


def test_a_pulse_that_comes_late_is_not_stepped_over():
    width, arrival = sp.Rational(1, 100), sp.Rational(7, 10)
    pulse = sp.exp(-(((T - arrival) / width) ** 2))
    grown = sp.sqrt(sp.pi) / 2 * width * (sp.erf((T - arrival) / width) + sp.erf(arrival / width))
    source = ARCH * (pulse + sp.pi**2 * grown)
    points = np.random.default_rng(0).uniform(0, 1, (1000, 2))
    wanted = sp.lambdify((X, T), ARCH * grown, "scipy")(*points.T)
    found = fem_reference(_heat(source), tolerance=1e-3).evaluate(points)["w"]
    assert np.linalg.norm(found - wanted) < 1e-5 * np.linalg.norm(wanted)


@pytest.mark.parametrize(("begin", "length"), [(0, 1e-9), (0, 1e6), (1000, 1e-3), (-5, 2)])
def test_spans_of_any_length_end_exactly(begin, length):
    begin, length = sp.Rational(begin), sp.nsimplify(length)
    t = pk.time("t", begin, begin + length)
    w = pk.unknown("w", X, t)
    exact = sp.exp(-(t - begin) / length) * ARCH
    problem = pk.manufactured("span", LINE, [sp.diff(w, t) - sp.diff(w, X, 2) / length], {w: exact})
    _, reference = _check(problem, exact)
    times = reference.solution.trajectory.times
    assert times[0] == float(begin)
    assert times[-1] == float(begin + length)


def _ignition(initial) -> pk.Problem:
    operator = sp.diff(W, T) - sp.diff(W, X, 2)
    conditions = [pk.Neumann(W, 0), pk.Initial(W, initial)]
    return pk.Problem(name="ignition", domain=LINE, equations=[sp.Eq(operator, W**2)], conditions=conditions)


def test_blow_up_is_told_with_its_time():
    with pytest.raises(ReferenceUnavailable, match=r"no step in time succeeds beyond t = 0\.2000"):
        fem_reference(_ignition(5))


def test_growth_towards_a_later_blow_up_is_followed():
    error, _ = _check(_ignition(sp.Rational(1, 2)), 1 / (2 - T))
    assert error < 1e-6


class TestIncompressible:
    """An initial velocity that is not divergence-free loses its gradient part at once, as in an impulse."""

    def _discrete(self, tolerance):
        names = [pk.unknown(n, X, Y, T) for n in "uvp"]
        u, v, p = names
        stream = 3 * (sp.sin(sp.pi * X) * sp.sin(sp.pi * Y)) ** 2 * sp.exp(-T)
        exact = (sp.diff(stream, Y), -sp.diff(stream, X), sp.sin(X) * sp.cos(3 * Y) * (1 + T))
        truth = dict(zip(names, exact, strict=True))
        surplus = pk.grad(100 * (X * (1 - X) * Y * (1 - Y)) ** 2, [X, Y])
        operators = [
            sp.diff(c, T) + f - pk.laplacian(c, [X, Y])
            for c, f in zip((u, v), pk.grad(p, [X, Y]), strict=True)
        ]
        equations = [sp.Eq(o, o.subs(truth).doit()) for o in operators]
        problem = pk.Problem(
            name="decay",
            domain=pk.Rectangle((0, 0), (1, 1)),
            equations=[*equations, sp.Eq(pk.div((u, v), [X, Y]), 0)],
            conditions=[
                *(pk.Dirichlet(c, truth[c]) for c in (u, v)),
                *(pk.Initial(c, truth[c].subs(T, 0) + s) for c, s in zip((u, v), surplus, strict=True)),
            ],
        )
        meshes = Meshes(problem.domain, 3)
        found = Discretisation(derive(problem), meshes.first(0.25), 3).integrate(tolerance, 0)
        points = np.random.default_rng(0).uniform(0, 1, (2000, 3))
        wanted = list(sp.lambdify((X, Y, T), exact, "numpy")(*points.T))
        mean = sp.integrate(exact[2], (X, 0, 1), (Y, 0, 1))
        wanted[2] = wanted[2] - sp.lambdify(T, mean, "numpy")(points[:, 2])
        values = found.evaluate(points)
        return found, [
            np.linalg.norm(values[n] - w) / np.linalg.norm(w) for n, w in zip("uvp", wanted, strict=True)
        ]

    def test_starts_on_the_constraint_at_any_tolerance(self):
        (_, at_rough), (fine, at_fine) = (self._discrete(tolerance) for tolerance in (1e-3, 1e-6))
        np.testing.assert_allclose(at_fine, at_rough, rtol=0.3)
        assert at_fine[0] < 0.01
        assert len(fine.trajectory.nodes) < 100
        # The pressure changes little from step to step: none holds an impulse.
        part = fine.product.part(2)
        sizes = np.abs(fine.trajectory.nodes[:, 0, part]).max(axis=1)
        assert sizes[:5].max() < 1.2 * sizes[:5].min()
