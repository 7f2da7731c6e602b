"""What every registered solver must do; a new one gets these tests without a line being added here."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache, partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import pinnkit as pk
from pinnkit import solvers
from pinnkit.driver import run
from pinnkit.driver.numerics import numerics
from pinnkit.driver.run import require
from pinnkit.driver.settings import Sections, read_settings
from pinnkit.fields.upon import continued
from pinnkit.forms.intervals import within
from pinnkit.training import LeastSquares

from .problems import TINY

NAMES = solvers.names()
PAIRS = [(solver, problem) for solver in NAMES for problem in TINY]
FIT = [pair for pair in PAIRS if not solvers.get(pair[0]).unmet(TINY[pair[1]]())]
TRAINED = [pair for pair in FIT if isinstance(solvers.get(pair[0]), solvers.TrainedSolver)]
# Every problem of a solver is built; one is run and kept with its report and the next one is run twice. Turns
# are taken, so that every problem is somebody's.
TURNS = list(enumerate([pair for pair in FIT if pair[0] == name] for name in NAMES))
KEPT = [pairs[turn % len(pairs)] for turn, pairs in TURNS]
REPEATED = [pairs[(turn + 1) % len(pairs)] for turn, pairs in TURNS]


@cache
def problem_of(name):
    return TINY[name]()


def small(solver):
    """Overrides that make a run short, for those options that a solver has."""
    given = {
        "network": {"width": 8, "depth": 2}, "points": {"interior": 64, "boundary": 16},
        "optimizer": [{"ssbroyden": 30}], "features": 30, "iterations": 50,
        "tests": {"order": 2}, "accuracy": 1e-4, "slabs": 2, "later_network": {"width": 30},
    }  # fmt: skip
    known = solvers.get(solver).options.model_fields
    return [(("solver", "name"), solver), *((("solver", k), v) for k, v in given.items() if k in known)]


def settings_of(solver, seed=0):
    return read_settings(Sections({}).override([*small(solver), (("solver", "seed"), seed)]))


def test_there_are_solvers_and_none_is_broken():
    assert NAMES
    assert solvers.registry().broken == ()


@pytest.mark.parametrize("name", NAMES)
def test_metadata(name):
    solver = solvers.get(name)
    assert solver.name == name
    assert solver.summary
    assert not solver.summary.endswith(".")
    assert solver.references
    assert solver.__doc__
    assert not {"name", "seed"} & set(solver.options.model_fields), "these belong to every solver"
    for line in solvers.listing(name).splitlines():
        assert len(line) < 160
    for key, field in solver.options.model_fields.items():
        nested = isinstance(field.annotation, type) and issubclass(field.annotation, solvers.Options)
        assert nested or field.description, f"option {key} says nothing of itself"


def test_metadata_need_no_jax():
    code = (
        "import sys; from pinnkit import solvers;"
        "[solvers.listing(name) for name in solvers.names()]; assert solvers.registry().broken == ();"
        "assert not {'jax', 'sympy', 'deepxde'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("name", NAMES)
def test_options_survive_json(name):
    options = solvers.get(name).options
    text = json.dumps(options().model_dump(mode="json"))
    assert options.model_validate(json.loads(text)) == options()


@pytest.mark.parametrize(("solver", "problem"), PAIRS)
def test_refuses_what_it_does_not_fit_and_names_what_does(solver, problem):
    declared, settings = problem_of(problem), settings_of(solver)
    if (solver, problem) in FIT:
        require(settings, declared)
        return
    with pytest.raises(pk.DeclarationError) as refusal:
        require(settings, declared)
    for text in settings.solver.unmet(declared):
        assert text in str(refusal.value)
    for name in solvers.fitting(declared):
        assert name in refusal.value.mend


@pytest.mark.parametrize(("solver", "problem"), TRAINED)
def test_builds_with_finite_residuals_from_its_seed(solver, problem):
    declared = problem_of(problem)
    with numerics():
        chosen = [settings_of(solver, seed) for seed in (0, 0, 1)]
        built = [s.solver.build(declared, s.options, s.seed) for s in chosen]
        posed = [b.least_squares for b in built]
        thetas = [np.asarray(p.theta) for p in posed]
        # in one program each: operation by operation, hundreds would be compiled
        rows = [np.asarray(eqx.filter_jit(LeastSquares.residual)(p, p.theta)) for p in posed]
        assert np.isfinite(rows[0]).all()
        assert rows[0].dtype == np.float64
        np.testing.assert_array_equal(thetas[0], thetas[1])
        np.testing.assert_array_equal(rows[0], rows[1])
        assert not np.array_equal(thetas[0], thetas[2])
        slopes = np.asarray(eqx.filter_jit(LeastSquares.jacobian)(posed[0], posed[0].theta))
        assert np.isfinite(slopes).all()


@pytest.mark.parametrize("solver", [solver for solver, problem in TRAINED if problem == "heat"])
def test_goes_on_from_what_was_found_before(solver):
    """Slabs of time, and corrections, are built upon others by every solver."""
    part, found = within(problem_of("heat"), 0.2, 0.4), lambda name: lambda x: jnp.cos(jnp.pi * x[0]) + x[1]
    settings = settings_of(solver)
    with numerics():
        upon = partial(continued, found=found, problem=part)
        made = settings.solver.build(part, settings.options, 0, upon)
        points = np.column_stack([np.linspace(0.05, 0.95, 7), np.full(7, 0.2)])
        values = eqx.filter_jit(made.evaluate)(made.fields, jnp.asarray(points))["u"]
    np.testing.assert_allclose(values, np.cos(np.pi * points[:, 0]) + 0.2, atol=1e-12)


def values_within(problem, solution):
    """The unknowns at points of the domain drawn by chance, all of them finite."""
    points = np.random.default_rng(0).uniform(problem.lower, problem.upper, (400, len(problem.variables)))
    points = points[problem.domain.contains(points[:, : len(problem.coordinates)])]
    values = solution.evaluate(points)
    assert set(values) == set(problem.unknown_names)
    assert all(np.isfinite(value).all() for value in values.values())
    return values


def assert_same(found, expected):
    assert set(found) == set(expected)
    for name, value in found.items():
        np.testing.assert_array_equal(value, expected[name])


@pytest.mark.parametrize(("solver", "problem"), REPEATED)
def test_run_repeats_exactly(solver, problem):
    declared = problem_of(problem)
    first, again = (run(declared, overrides=small(solver), progress=False).solution for _ in range(2))
    assert first.record.solver == solver
    assert_same(values_within(declared, again), values_within(declared, first))


@pytest.mark.parametrize(("solver", "problem"), KEPT)
def test_run_is_kept_exactly(solver, problem, tmp_path):
    declared, out = problem_of(problem), tmp_path / "run"
    first = run(declared, overrides=small(solver), out=out, progress=False).solution
    kept = pk.load(out)
    assert_same(values_within(declared, kept), values_within(declared, first))
    assert kept.problem == declared
    assert kept.record.solver == solver
    assert kept.record.to_dict() == first.record.to_dict()
