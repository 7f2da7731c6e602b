"""Time: smooth and stiff problems of first and second order, periodic ones, and starts from rest."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.reference import DataOptions, FemOptions, data_reference, fem_reference
from pinnkit.reference.derive import derive
from pinnkit.reference.discrete import Discretisation
from pinnkit.reference.meshing import Meshes

from . import problems as known
from .problems import t, w, x

CASES = os.environ.get("PINNKIT_CASES")
needs_cases = pytest.mark.skipif(CASES is None, reason="PINNKIT_CASES does not name the folder of cases")


def burgers(viscosity: sp.Expr) -> pk.Problem:
    return pk.Problem(
        name="burgers", domain=pk.Interval(-1, 1),
        equations=[sp.Eq(sp.diff(w, t) + w * sp.diff(w, x), viscosity * sp.diff(w, x, 2))],
        conditions=[pk.Initial(w, -sp.sin(sp.pi * x)), pk.Dirichlet(w, 0)],
    )  # fmt: skip


def cole_hopf(points: np.ndarray, viscosity: float) -> np.ndarray:
    """Burgers' solution from −sin πx by Gauss–Hermite quadrature (Basdevant et al. 1986)."""
    nodes, weights = np.polynomial.hermite.hermgauss(160)
    a, b = points[:, :1], points[:, 1:]
    shifted = np.pi * (a - nodes * np.sqrt(4 * viscosity * b))
    exponent = -np.cos(shifted) / (2 * np.pi * viscosity)
    kernel = weights * np.exp(exponent - exponent.max(axis=1, keepdims=True))
    return -(kernel * np.sin(shifted)).sum(axis=1) / kernel.sum(axis=1)


def test_burgers_against_cole_hopf():
    reference = fem_reference(burgers(sp.Rational(1, 20)), tolerance=1e-4)
    points = np.random.default_rng(0).uniform((-1, 0.02), (1, 1), (4000, 2))
    wanted = cole_hopf(points, 0.05)
    error = np.linalg.norm(reference.evaluate(points)["w"] - wanted) / np.linalg.norm(wanted)
    assert error <= 1e-6
    assert error <= reference.error_bar["w"] <= 1e-5


@needs_cases
def test_burgers_case():
    renamed = {"w": "u"}
    problem = burgers(sp.Rational(1, 100) / sp.pi)
    reference = fem_reference(problem, tolerance=1e-5)
    data = data_reference(problem, DataOptions(Path(CASES) / "data" / "burgers_colehopf.npz", 1e-10, renamed))
    found = reference.evaluate(data.points)["w"]
    error = np.linalg.norm(found - data.values["w"]) / np.linalg.norm(data.values["w"])
    assert error <= 1e-6
    assert error <= 1.1 * reference.error_bar["w"]
    assert reference.seconds <= 20


@needs_cases
def test_allen_cahn_case():
    problem = pk.Problem(
        name="allen_cahn", domain=pk.Interval(-1, 1),
        equations=[sp.Eq(sp.diff(w, t), sp.Rational(1, 10**4) * sp.diff(w, x, 2) + 5 * (w - w**3))],
        conditions=[pk.Initial(w, x**2 * sp.cos(sp.pi * x)), pk.Periodic(x)],
    )  # fmt: skip
    reference = fem_reference(problem, tolerance=1e-5)
    place = Path(CASES) / "data" / "allen_cahn_periodic.npz"
    data = data_reference(problem, DataOptions(place, 1e-5, {"w": "u"}))
    found = reference.evaluate(data.points)["w"]
    assert np.linalg.norm(found - data.values["w"]) / np.linalg.norm(data.values["w"]) <= 1e-6


@pytest.mark.parametrize(
    ("problem", "limit"),
    [
        (known.wave(), 1e-6), (known.sine_gordon(), 1e-6), (known.wave_and_heat(), 1e-6),
        (known.travelling_wave(), 5e-6), (known.advection(), 5e-6), (known.heat_disk(), 5e-6),
    ],
    ids=lambda p: getattr(p, "name", ""),
)  # fmt: skip
def test_exact_solutions(problem, limit):
    reference = fem_reference(problem, tolerance=1e-4 if problem.name == "wave" else 1e-3)
    assert max(known.true_error(reference, problem).values()) <= limit


def test_energy_of_a_wave_is_kept():
    """Gauss collocation conserves quadratic energies: no damping over 200 periods."""
    period = pk.time("t", 0, 100)
    field = pk.unknown("w", x, period)
    problem = pk.Problem(
        name="long", domain=pk.Interval(0, 1),
        equations=[sp.Eq(sp.diff(field, period, 2), 16 * sp.diff(field, x, 2))],
        conditions=[pk.Initial(field, sp.sin(sp.pi * x)), pk.InitialRate(field, 0), pk.Dirichlet(field, 0)],
    )  # fmt: skip
    found = Discretisation(derive(problem), Meshes(problem.domain, 4).first(0.25), 4)
    solution = found.integrate(0.0, 4000)
    moments = np.linspace(98, 100, 401)
    middle = solution.evaluate(np.column_stack([np.full_like(moments, 0.5), moments]))["w"]
    assert np.abs(middle).max() == pytest.approx(1, abs=1e-5)


def test_two_dimensions_periodic_in_both():
    field, y = known.flat, known.y
    decaying = sp.exp(-t) * sp.sin(2 * sp.pi * (x - t)) * sp.cos(2 * sp.pi * y)
    operator = sp.diff(field, t) + sp.diff(field, x) - pk.laplacian(field) / 20
    problem = pk.manufactured("torus", known.UNIT, [operator], {field: decaying}, "periodic")
    reference = fem_reference(problem, tolerance=1e-2)
    assert max(known.true_error(reference, problem).values()) <= 1e-4


def test_wave_equation_on_a_disk_from_rest():
    field, y = known.flat, known.y
    swelling = t**2 * (1 - x**2 - y**2)
    operator = sp.diff(field, t, 2) - pk.laplacian(field)
    problem = pk.manufactured("drum", pk.Disk((0, 0), 1), [operator], {field: swelling})
    reference = fem_reference(problem, tolerance=1e-2)
    assert max(known.true_error(reference, problem).values()) <= 1e-5


def test_heating_from_rest_through_a_robin_boundary():
    """Everything is zero at the start, so errors have nothing to be relative to."""
    problem = pk.Problem(
        name="heating", domain=pk.Interval(0, 1), equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2))],
        conditions=[pk.Initial(w, 0), pk.Robin(w, 1, 1, 5, where="left"), pk.Neumann(w, 0, where="right")],
    )  # fmt: skip
    reference = fem_reference(problem)
    late = reference.evaluate(np.array([[0.0, 1.0], [1.0, 1.0]]))["w"]
    # The first eigenvalue of κ tan κ = 1 is 0.8603336: 5 (1 − c cos(κ(1 − x)) e^{−κ²t}).
    kappa = 0.8603335890193797
    factor = 2 * np.sin(kappa) / (kappa + np.sin(kappa) * np.cos(kappa))
    first = 5 * (1 - factor * np.cos(kappa * (1 - np.array([0.0, 1.0]))) * np.exp(-(kappa**2)))
    np.testing.assert_allclose(late, first, rtol=1e-4)


def test_a_jump_between_initial_and_boundary_data():
    """A bar at 0 whose end is held at 1: the error function."""
    from scipy.special import erfc

    problem = pk.Problem(
        name="jump", domain=pk.Interval(0, 1), equations=[sp.Eq(sp.diff(w, t), sp.diff(w, x, 2) / 100)],
        conditions=[pk.Initial(w, 0), pk.Dirichlet(w, 1, where="left"), pk.Dirichlet(w, 0, where="right")],
    )  # fmt: skip
    reference = fem_reference(problem)
    points = np.random.default_rng(0).uniform((0, 0.1), (1, 1), (2000, 2))
    wanted = erfc(points[:, 0] / np.sqrt(4 * points[:, 1] / 100))
    assert np.abs(reference.evaluate(points)["w"] - wanted).max() <= 1e-4


def test_stokes_flow_over_time_keeps_its_pressure():
    """Incompressible flow in a closed box: pressure is algebraic and known up to a constant."""
    y = known.y
    u, v, p = (pk.unknown(n, x, y, t) for n in "uvp")
    grow = sp.exp(-t)
    exact = {
        u: grow * sp.sin(sp.pi * x) ** 2 * sp.sin(2 * sp.pi * y),
        v: -grow * sp.sin(2 * sp.pi * x) * sp.sin(sp.pi * y) ** 2,
        p: grow * sp.cos(sp.pi * x),
    }
    equations = [
        sp.diff(u, t) - pk.laplacian(u) + sp.diff(p, x),
        sp.diff(v, t) - pk.laplacian(v) + sp.diff(p, y),
        sp.diff(u, x) + sp.diff(v, y),
    ]
    problem = pk.manufactured("stokes", known.UNIT, equations, exact)
    reference = fem_reference(problem, FemOptions(degree=2, size=0.25, max_dofs=3000), tolerance=0.1)
    assert reference.up_to_constant["p"]
    found = known.true_error(reference, problem)
    assert found["u"] <= 5e-3
    points = known.scattered(problem)
    pressure = reference.evaluate(points)["p"]
    wanted = np.exp(-points[:, 2]) * np.cos(np.pi * points[:, 0])
    shift = (pressure - wanted).mean()
    assert np.linalg.norm(pressure - shift - wanted) <= 3e-2 * np.linalg.norm(wanted)
