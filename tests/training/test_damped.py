"""What Gauss–Newton methods share: how they begin anew, give up, and tell what went wrong."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest

from pinnkit.training.dsgnar import Dsgnar
from pinnkit.training.gauss_newton import LevenbergMarquardt
from pinnkit.training.optimiser import RUNNING, STAGNATED, run_chunk
from pinnkit.training.spring import Spring

from .objectives import Neurons, Residuals

METHODS = {
    "damping": LevenbergMarquardt(),
    "radius": Dsgnar(share=1.0, buckets=1e9),
    "momentum": Spring(),
}
each = pytest.mark.parametrize(("learned", "method"), METHODS.items(), ids=[m.name for m in METHODS.values()])


class Lying(Residuals):
    """θ − 3 with slopes of the wrong sign: every step leads uphill."""

    def residual(self, theta):
        return theta - 3

    def jacobian(self, theta):
        return -jnp.eye(theta.size)


class Walled(Residuals):
    """NaN for θ₀ ≥ 1, behind which the linear model sees the minimum."""

    def residual(self, theta):
        return jnp.stack([theta[0] - 2, theta[1], 0.3 * jnp.log(1 - theta[0])])


@each
def test_steps_that_only_lead_uphill_end_in_stagnation(learned, method):
    objective, theta = Lying(), jnp.ones(2)
    after, state, losses = run_chunk(method, objective, theta, method.init(objective, theta), 120)
    assert int(state.status) == STAGNATED
    np.testing.assert_array_equal(after, theta)
    np.testing.assert_array_equal(losses, 8.0)
    if learned != "damping":  # Levenberg–Marquardt climbs its whole ladder in one step and says stagnated
        assert f"{len(losses)} steps" in state.faults()


def test_losses_that_are_not_finite_are_told():
    method, objective, theta = LevenbergMarquardt(), Walled(), jnp.array([-30.0, 5.0])
    _, state, _ = run_chunk(method, objective, theta, method.init(objective, theta), 30)
    assert "were not finite; the damping was raised past each" in state.faults()
    calm = Neurons.random(30, 6)
    _, state, _ = run_chunk(method, calm, jnp.zeros(6), method.init(calm, jnp.zeros(6)), 5)
    assert state.faults() == ""


@each
def test_restart_keeps_what_was_learned_and_judges_anew(learned, method):
    before, after = Neurons.random(30, 6, seed=0), Neurons.random(30, 6, seed=1)
    theta, state, _ = run_chunk(method, before, jnp.zeros(6), method.init(before, jnp.zeros(6)), 3)
    fresh = method.restart(after, theta, state)
    np.testing.assert_array_equal(getattr(fresh, learned), getattr(state, learned))
    np.testing.assert_allclose(fresh.loss, after.loss(theta))
    np.testing.assert_allclose(fresh.mark.loss, after.loss(theta))
    assert (int(fresh.iteration), int(fresh.mark.iteration)) == (3, 3)
    assert int(fresh.evaluations) == int(state.evaluations) + 1
    assert int(fresh.status) == RUNNING
