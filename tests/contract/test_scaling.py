"""A problem in SI units trains as well as its twin of order one, and comes back in SI units."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit import solvers
from pinnkit.driver import run
from pinnkit.driver.run import formulated, require
from pinnkit.driver.settings import Sections, read_settings
from pinnkit.forms import emit

from .test_solvers import small


def heat(si: bool = True) -> pk.Problem:
    """Conduction in a steel bar of 2 mm within 0.2 s, about 310 K; its twin on the unit square."""
    length, duration, capacity, conductivity, middle, swing = (
        (2e-3, 0.2, 3.5e6, 15.0, 310.0, 40.0) if si else (1.0, 1.0, 1.0, 0.75 / 3.5, 0.0, 1.0)
    )
    x, t = pk.coordinates("x"), pk.time("t", 0, duration)
    T = pk.unknown("T", x, t)
    exact = middle + swing * sp.sin(2 * x / length) * sp.exp(-t / duration)
    equation = capacity * sp.Derivative(T, t) - conductivity * sp.Derivative(T, (x, 2))
    ends = {"left": "dirichlet", "right": "neumann"}
    return pk.manufactured("heat", pk.Interval(0, length), {"heat": equation}, {T: exact}, ends)


TRAINED = [name for name in solvers.names() if isinstance(solvers.get(name), solvers.TrainedSolver)]
FIT = [name for name in TRAINED if not solvers.get(name).unmet(heat())]


def exact(problem, points):
    (name,) = problem.unknown_names
    return emit([problem.exact[name]], problem.variables, np)(*points.T)[0]


def points_in(problem, count=500):
    drawn = np.random.default_rng(0).uniform(problem.lower, problem.upper, (count, len(problem.variables)))
    return drawn[problem.domain.contains(drawn[:, : len(problem.coordinates)])]


def error(problem, solution):
    """Root mean square error in units of the solution's spread, which a shift does not change."""
    points = points_in(problem)
    truth = exact(problem, points)
    return float(np.sqrt(np.mean((solution(points) - truth) ** 2)) / np.std(truth))


def soft(solver):
    """Overrides of a short run in which the weights of conditions count."""
    known = "conditions" in solvers.get(solver).options.model_fields
    return [*small(solver), *([(("solver", "conditions"), "soft")] if known else [])]


@pytest.mark.parametrize("solver", FIT)
def test_trains_as_well_as_its_twin(solver):
    problem, overrides = heat(), soft(solver)
    scaled = run(problem, overrides=overrides, progress=False).solution
    twin = run(heat(False), overrides=overrides, progress=False).solution
    assert error(problem, scaled) < 5 * error(heat(False), twin) + 1e-9
    assert any(note.startswith("scaled") for note in scaled.record.notes)
    assert not any(note.startswith("scaled") for note in twin.record.notes)


@pytest.mark.parametrize("solver", ["cpinn", "pcnn", "pinn", "vpinn"])  # one of each kind of formulation
def test_is_kept_and_told_in_the_units_declared(solver, tmp_path):
    problem, out = heat(), tmp_path / "run"
    scaled = run(problem, overrides=soft(solver), out=out, progress=False).solution
    points, kept = points_in(problem, 50), pk.load(out)
    np.testing.assert_array_equal(kept(points), scaled(points))
    step = 1e-4 * (problem.upper[0] - problem.lower[0]) * np.array([1.0, 0.0])
    (slope,) = kept.derivatives(points, [(1, 0)]).values()
    ahead, behind = (kept(points + s, extrapolate=True) for s in (step, -step))
    np.testing.assert_allclose(slope[:, 0], (ahead - behind) / (2 * step[0]), rtol=1e-3, atol=1e-3 / step[0])
    assert "offset: 328" in (out / "problem.resolved.yaml").read_text()


@pytest.mark.parametrize("solver", TRAINED)
def test_bad_scales_are_refused_before_any_work(solver):
    problem = heat()
    settings = read_settings(Sections({}).override([*small(solver), (("solver", "scales"), {"T": -1})]))
    if not settings.solver.unmet(problem):
        require(settings, problem)
        with pytest.raises(pk.DeclarationError, match="T is -1"):
            formulated(problem, settings)


def test_solvers_that_take_the_problem_as_declared_refuse_scales():
    settings = read_settings(Sections({"solver": {"name": "deepxde", "scales": {"T": 50}}}))
    with pytest.raises(pk.DeclarationError, match="takes the problem as it is declared"):
        formulated(heat(), settings)
