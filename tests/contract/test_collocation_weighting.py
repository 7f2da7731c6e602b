"""What collocation makes of its weighting options, and which it refuses."""

from __future__ import annotations

import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.errors import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.solvers._collocation import formulate
from pinnkit.solvers._collocation_options import CollocationOptions

x, t = pk.coordinates("x"), pk.time("t", 0, 1)
u, v = pk.unknown("u", x, t), pk.unknown("v", x)
HEAT = pk.Problem(
    name="heat", domain=pk.Interval(0, 1), equations=[u.diff(t) - u.diff(x, 2)],
    conditions=[pk.Dirichlet(u, 0), pk.Initial(u, sp.sin(sp.pi * x))],
)  # fmt: skip
STEADY = pk.Problem(
    name="steady", domain=pk.Interval(0, 1), equations=[-v.diff(x, 2) - 1], conditions=[pk.Dirichlet(v, 0)]
)
SMALL = {
    "network": {"width": 4, "depth": 1},
    "points": {"interior": 20, "boundary": 4, "pool": 1},
    "optimizer": [{"adam": 20}],
}


def options(**given):
    return CollocationOptions.model_validate({**SMALL, **given})


def test_options_become_rules_on_the_blocks_they_mean():
    from pinnkit.training import Callbacks, train

    given = options(
        conditions="soft", weighting="augmented_lagrangian", causal_chunks=4, redraw="importance"
    )  # fmt: skip
    with numerics():
        posed = formulate(HEAT, given, 0)
        assert [rule.name for rule in posed.rules] == ["causal", "augmented_lagrangian"]
        assert [block.condition for block in posed.least_squares.blocks] == [False, True, True]
        told = []
        train(
            posed.least_squares, posed.schedule, seed=0, chunk=10, redraw=posed.redraw,
            rules=posed.rules, callbacks=Callbacks(progress=told.append),
        )  # fmt: skip
    columns = set(told[-1].adaptivity)
    names = [block.name for block in posed.least_squares.blocks]
    assert columns >= {f"weight_{name}" for name in names} | {f"multiplier_{name}" for name in names[1:]}
    assert "causal_last weight" in columns


@pytest.mark.parametrize(
    ("problem", "given", "says"),
    [
        (STEADY, {"causal_chunks": 16}, "steady"),
        (STEADY, {"weighting": "augmented_lagrangian"}, "all are built into the unknowns"),
        (HEAT, {"weighting": "grad_norm"}, "unknown weighting 'grad_norm'"),
    ],
)
def test_what_would_act_on_nothing_is_refused(problem, given, says):
    with pytest.raises(DeclarationError, match=says):
        formulate(problem, options(**given), 0)
