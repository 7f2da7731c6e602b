"""A curriculum ends at the declared value, compiles nothing anew, and is told; bad ones are refused."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.declare.errors import DeclarationError
from pinnkit.driver.numerics import numerics
from pinnkit.solvers._collocation import formulate
from pinnkit.solvers._collocation_options import CollocationOptions
from pinnkit.training import Callbacks, train

x = pk.coordinates("x")
u = pk.unknown("u", x)
nu, k = pk.parameter("nu", 0.1), pk.parameter("k", 1.0)
PROBLEM = pk.Problem(
    name="layer", domain=pk.Interval(0, 1), equations=[sp.Eq(u.diff(x) - nu * u.diff(x, 2), k)],
    conditions=[pk.Dirichlet(u, 0, where="left"), pk.Neumann(u, 1 - k, where="right")],
)  # fmt: skip
SMALL = {
    "network": {"width": 6, "depth": 1}, "points": {"interior": 30, "boundary": 4, "pool": 2},
    "optimizer": [{"adam": 40}, {"ssbroyden": 80}], "redraw_every": 50, "tolerance": 1e-12,
}  # fmt: skip


def posed(**given):
    return formulate(PROBLEM, CollocationOptions.model_validate({**SMALL, **given}), 0)


def trained(formulation, **more):
    told, kept = [], []
    callbacks = Callbacks(told.append, lambda *state: kept.append(state), save_seconds=0.0)
    result = train(
        formulation.least_squares, formulation.schedule, seed=0, chunk=20, rules=formulation.rules,
        redraw_every=formulation.redraw_every, callbacks=callbacks, **more,
    )  # fmt: skip
    return result, told, kept


def test_goes_through_the_values_and_ends_at_the_declared_one():
    with numerics():
        formulation = posed(curriculum={"nu": [1.0, 0.3, 0.1]}, curriculum_every=40)
        result, told, _ = trained(formulation)
        values = [entry.adaptivity["curriculum_nu"] for entry in told]
        assert values[0] == 1.0
        assert values[-1] == 0.1
        assert sorted(set(values), reverse=True) == [1.0, 0.3, 0.1]
        assert any("went through 1, 0.3, 0.1" in note for note in result.notes)
        # the loss that is judged has the declared value, as without a curriculum
        plain, theta = posed().least_squares, formulation.least_squares.theta
        assert float(plain.loss(theta)) == pytest.approx(float(formulation.least_squares.loss(theta)))


def test_values_are_data():
    with numerics():
        formulation = posed(curriculum={"nu": [1.0, 0.3, 0.1]}, curriculum_every=40)
        problem, (rule,) = formulation.least_squares, formulation.rules
        changed = [rule.apply(problem, jnp.asarray(stage), ()) for stage in range(3)]
        rows = [np.asarray(each.residual(problem.theta)) for each in changed]
        assert not np.allclose(rows[0], rows[1])
        np.testing.assert_array_equal(rows[2], np.asarray(problem.residual(problem.theta)))
        # what jit keeps programs by is the same for all values
        kinds = [
            [(leaf.shape, leaf.dtype, leaf.weak_type) for leaf in jax.tree.leaves(each) if eqx.is_array(leaf)]
            for each in changed
        ]
        assert kinds[0] == kinds[1] == kinds[2]
        assert jax.tree.structure(changed[0]) == jax.tree.structure(changed[1])


def test_resumes_within_a_value():
    with numerics():
        formulation = posed(curriculum={"nu": [1.0, 0.3, 0.1]}, curriculum_every=40)
        whole, _, kept = trained(formulation)
        middle = next(state for state in kept if 0 < state[1]["taken"] < 40 and state[1]["stage"] == 1)
        again, _, _ = trained(formulation, resume=middle)
        np.testing.assert_array_equal(whole.history["loss"], again.history["loss"])


def test_a_curriculum_cut_short_is_told():
    with numerics():
        result, _, _ = trained(posed(curriculum={"nu": [1.0, 0.5, 0.3, 0.2, 0.1]}, curriculum_every=1000))
    assert any("never trained at the declared 0.1" in note for note in result.notes)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mu": [1.0, 0.1]}, "parameter of the curriculum 'mu'"),
        ({"nu": [1.0, 0.2]}, "declared value 0.1"),
        ({"k": [2.0, 1.0]}, "stands in a condition"),
    ],
)
def test_refusals(given, says):
    with numerics(), pytest.raises(DeclarationError, match=says):
        posed(curriculum=given)
