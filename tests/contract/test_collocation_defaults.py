"""What collocation chooses by the class of a problem: features for what oscillates, descent for the rest."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.solvers._collocation_defaults import DESCENT_STAGES, FEATURE_STAGES, settled
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
