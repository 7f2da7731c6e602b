"""What collocation chooses by the class of a problem: features for what oscillates, descent for the rest."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solvers._collocation_defaults import DESCENT_STAGES, FEATURE_STAGES, fitted, settled
from pinnkit.solvers._collocation_options import CollocationOptions, NetworkOptions

x, t = pk.coordinates("x"), pk.time("t", 0, 1)
u = pk.unknown("u", x, t)
y = pk.coordinates("y")
w = pk.unknown("w", x, y)


def line(equation: sp.Expr, *conditions) -> pk.Problem:
    given = [pk.Periodic(x), pk.Initial(u, sp.sin(2 * sp.pi * x)), *conditions]
    return pk.Problem(name="line", domain=pk.Interval(0, 1), equations=[equation], conditions=given)


def square(equation: sp.Expr) -> pk.Problem:
    return pk.Problem(
        name="square",
        domain=pk.Rectangle((0, 0), (1, 1)),
        equations=[equation],
        conditions=[pk.Dirichlet(w, 0)],
    )


@pytest.mark.parametrize(
    ("problem", "stages"),
    [
        (line(u.diff(t, 2) - 4 * u.diff(x, 2), pk.InitialRate(u, 0)), FEATURE_STAGES),
        (square(pk.laplacian(w) + 400 * w - 1), FEATURE_STAGES),
        (line(u.diff(t) + 3 * u.diff(x)), DESCENT_STAGES),
        (line(u.diff(t) - u.diff(x, 2)), DESCENT_STAGES),
        (square(-pk.laplacian(w) - 1), DESCENT_STAGES),
        (line(u.diff(t, 2) - u.diff(x, 2) + u**3, pk.InitialRate(u, 0)), DESCENT_STAGES),
    ],
    ids=["wave", "helmholtz", "transport", "heat", "poisson", "nonlinear wave"],
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

    problem = square(-pk.laplacian(w) - 1)
    with numerics():
        wide = formulate(problem, CollocationOptions(network=NetworkOptions(width=60)), 0)
        given = formulate(
            problem, CollocationOptions(network=NetworkOptions(width=60), optimizer=["lbfgs"]), 0
        )
    assert [stage.optimiser.name for stage in wide.schedule] == ["soap", "lbfgs"]
    assert any(note.startswith("SOAP") for note in wide.notes)
    assert [stage.optimiser.name for stage in given.schedule] == ["lbfgs"]
    assert not any(note.startswith("SOAP") for note in given.notes)
