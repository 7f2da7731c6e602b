"""What collocation chooses by the class of a problem: features for what oscillates, descent for the rest."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solvers._collocation_defaults import (
    DESCENT_STAGES,
    FEATURE_STAGES,
    bandwidth,
    feature_count,
    fitted,
    settled,
    traces,
)
from pinnkit.solvers._collocation_options import CollocationOptions, NetworkOptions

x, t = pk.coordinates("x"), pk.time("t", 0, 1)
u = pk.unknown("u", x, t)
y = pk.coordinates("y")
w = pk.unknown("w", x, y)


def line(equation: sp.Expr, *conditions) -> pk.Problem:
    given = [pk.Periodic(x), pk.Initial(u, sp.sin(2 * sp.pi * x)), *conditions]
    return pk.Problem(name="line", domain=pk.Interval(0, 1), equations=[equation], conditions=given)


def square(equation: sp.Expr, domain=None, value=0) -> pk.Problem:
    return pk.Problem(
        name="square",
        domain=domain or pk.Rectangle((0, 0), (1, 1)),
        equations=[equation],
        conditions=[pk.Dirichlet(w, value)],
    )


def ball(dimension: int) -> pk.Problem:
    z = pk.coordinates(" ".join(f"z{k}" for k in range(dimension)))
    v = pk.unknown("v", *z)
    return pk.Problem(
        name="ball",
        domain=pk.Ball((0,) * dimension, 1),
        equations=[-pk.laplacian(v) - 1],
        conditions=[pk.Dirichlet(v, 0)],
    )


@pytest.mark.parametrize(
    ("problem", "stages"),
    [
        (line(u.diff(t, 2) - 4 * u.diff(x, 2), pk.InitialRate(u, 0)), FEATURE_STAGES),
        (square(pk.laplacian(w) + 400 * w - 1), FEATURE_STAGES),
        (line(u.diff(t) + 3 * u.diff(x)), DESCENT_STAGES),
        (line(u.diff(t) - u.diff(x, 2)), DESCENT_STAGES),
        (square(-pk.laplacian(w) - 1), FEATURE_STAGES),
        (square(-pk.laplacian(w) + sp.exp(w)), DESCENT_STAGES),
        (square(-pk.laplacian(w) - sp.Abs(x - y)), DESCENT_STAGES),
        (square(-pk.laplacian(w), value=sp.Piecewise((x, x < y), (y, True))), DESCENT_STAGES),
        (
            square(-pk.laplacian(w) - 1, pk.Rectangle((0, 0), (1, 1)) - pk.Disk((0.5, 0.5), 0.2)),
            DESCENT_STAGES,
        ),
        (
            square(-pk.laplacian(w) - 1, pk.Rectangle((-1, -1), (1, 1)) - pk.Rectangle((0, 0), (1, 1))),
            DESCENT_STAGES,
        ),
        (square(sp.Pow(w.diff(x), 2) + w.diff(y) ** 2 - 1), DESCENT_STAGES),
        (ball(6), DESCENT_STAGES),
        (line(u.diff(t, 2) - u.diff(x, 2) + u**3, pk.InitialRate(u, 0)), DESCENT_STAGES),
    ],
    ids=[
        "wave",
        "helmholtz",
        "transport",
        "heat",
        "poisson",
        "semilinear",
        "kinked source",
        "kinked data",
        "hole",
        "re-entrant corner",
        "eikonal",
        "many coordinates",
        "nonlinear wave",
    ],
)
def test_the_class_decides(problem, stages):
    chosen, reason = settled(problem, CollocationOptions())
    assert chosen.optimizer == stages
    assert None not in chosen.network.model_dump().values()
    assert reason


def test_what_is_given_stays():
    given = CollocationOptions(network=NetworkOptions(width=7), optimizer=[{"head": 3}])
    chosen, _ = settled(square(-pk.laplacian(w) - 1), given)
    assert chosen.optimizer == given.optimizer
    assert (chosen.network.width, chosen.network.depth, chosen.network.activation) == (7, 1, "sin")


def test_what_is_to_be_found_besides_the_solution_is_left_to_descent():
    k = pk.parameter("k", 1.0, infer=True)
    problem = pk.Problem(
        name="inverse",
        domain=pk.Rectangle((0, 0), (1, 1)),
        equations=[-k * pk.laplacian(w) - 1],
        conditions=[pk.Dirichlet(w, 0)],
        observations=[pk.Observations(w, "values.csv")],
    )
    assert settled(problem, CollocationOptions())[0].optimizer == DESCENT_STAGES


@pytest.mark.parametrize(
    ("coordinates", "degree", "on_the_boundary"), [(1, 9, 2), (2, 9, 19), (3, 9, 100), (5, 0, 1)]
)
def test_polynomials_traces_are_counted(coordinates, degree, on_the_boundary):
    """On an interval 2, on a circle 2p + 1, on a sphere (p + 1)²: Fourier and spherical harmonics."""
    assert traces(comb(degree + coordinates, coordinates), coordinates) == on_the_boundary


def test_features_have_points_enough():
    chosen, _ = settled(ball(5), CollocationOptions())
    assert chosen.network.width == feature_count(5) == 1500
    assert chosen.points.interior == 3 * 1500
    assert chosen.points.boundary == 3 * traces(1500, 5) > 1500
    assert settled(ball(2), CollocationOptions())[0].points == CollocationOptions().points


@pytest.mark.parametrize(("features", "coordinates"), [(400, 1), (400, 2), (1000, 5)])
def test_the_bandwidth_spans_a_quarter_of_the_features(features, coordinates):
    dimensions = (2 * bandwidth(features, coordinates) / np.pi) ** coordinates
    np.testing.assert_allclose(dimensions, features / 4)


@pytest.mark.parametrize(
    ("stages", "size", "expected", "says"),
    [
        (DESCENT_STAGES, (2_000, 2, False, "cpu"), DESCENT_STAGES, "SSBroyden: 2,000 parameters"),
        (FEATURE_STAGES, (2_400, 2, False, "cpu"), FEATURE_STAGES, "double precision"),
        (DESCENT_STAGES, (9_000, 2, False, "gpu"), DESCENT_STAGES, "gpu"),
        (DESCENT_STAGES, (9_000, 2, False, "cpu"), ["soap", "lbfgs"], "9,000 parameters, more than 5,000"),
        (DESCENT_STAGES, (2_000, 2, True, "gpu"), ["soap", "lbfgs"], "single precision"),
        (FEATURE_STAGES, (9_000, 2, False, "cpu"), ["head", "soap", "lbfgs"], "9,000"),
        (DESCENT_STAGES, (2_000, 10, False, "cpu"), ["spring"], "10 coordinates"),
    ],
)
def test_size_precision_and_device_decide_on_the_optimiser(stages, size, expected, says):
    found, reason = fitted(stages, *size)
    names = [entry if isinstance(entry, str) else next(iter(entry)) for entry in found]
    if expected in (DESCENT_STAGES, FEATURE_STAGES):
        assert found == expected
    else:
        assert names == expected
    assert says in reason


def test_the_choice_is_told_and_only_where_left_open():
    from pinnkit.driver.numerics import numerics
    from pinnkit.solvers._collocation import formulate

    problem = line(u.diff(t) - u.diff(x, 2))
    with numerics():
        wide = formulate(problem, CollocationOptions(network=NetworkOptions(width=60)), 0)
        given = formulate(
            problem, CollocationOptions(network=NetworkOptions(width=60), optimizer=["lbfgs"]), 0
        )
    assert [stage.optimiser.name for stage in wide.schedule] == ["soap", "lbfgs"]
    assert any(note.startswith("SOAP") for note in wide.notes)
    assert [stage.optimiser.name for stage in given.schedule] == ["lbfgs"]
    assert not any(note.startswith("SOAP") for note in given.notes)
