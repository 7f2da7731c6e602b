"""Corrections: they help on unseen cases, as state update and as rate, and stop gradients where asked."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable
from pinnkit.simulate.correction import Correction, Stepper
from pinnkit.simulate.finite_volume import FiniteVolumes
from pinnkit.simulate.grid import Grid
from pinnkit.simulate.learning import CorrectionOptions, Learning, restricted
from pinnkit.simulate.march import march
from pinnkit.simulate.simulator import declared_inputs
from pinnkit.simulate.spectral import Spectral

x = pk.coordinates("x")
t = pk.time("t", 0, 0.5)
u = pk.unknown("u", x, t)
a, b = pk.parameter("a", 1.0), pk.parameter("b", 0.3)
BURGERS = pk.Problem(
    "burgers", pk.Interval(-1, 1), [u.diff(t) + sp.diff(u**2 / 2, x) - u.diff(x, 2) / 50],
    [pk.Initial(u, a * sp.sin(sp.pi * x) + b * sp.cos(sp.pi * x)), pk.Periodic(x)],
)  # fmt: skip


def draws(seed, count):
    draw = np.random.default_rng(seed)
    return {name: draw.uniform(-1, 1, count) for name in "ab"}


def network(kind="state"):
    made = eqx.nn.MLP(3, 1, 4, 1, key=jax.random.key(0))
    return Correction(made, jnp.ones(1), jnp.ones(1), 1, kind)


@pytest.mark.parametrize("kind", ["state", "rate"])
def test_a_correction_helps_on_unseen_cases(kind):
    learning = Learning(BURGERS, "finite_volume", 12, 12, refinement=4, better=("spectral", 6))
    options = CorrectionOptions(kind, (4,), iterations=250, rate=1e-2, batch=8, width=12, depth=1, radius=2)
    judgement = learning.judged(learning.trained(draws(0, 16), options), draws(1, 8))
    assert judgement.errors["corrected"] < 0.85 * judgement.errors["uncorrected"]
    assert {"uncorrected", "spectral, same grid", "corrected"} < set(judgement.errors)
    assert sum("times as fine" in line for line in str(judgement).splitlines()) == 1


@pytest.mark.parametrize("held", [False, True])
def test_gradients_between_steps_are_stopped_where_asked(held):
    simulator, inputs = FiniteVolumes(BURGERS, (8,)), declared_inputs(BURGERS)
    stepper, correction = Stepper(simulator, 0.05, 1), network()
    start = simulator.start(inputs)

    def last(shift):
        moved = eqx.tree_at(lambda c: c.gains, correction, correction.gains * shift)
        return jnp.sum(stepper.rollout(start, 0.0, 2, inputs, moved, held)[-1] ** 2)

    def of_last_step_alone(shift):
        first = stepper.rollout(start, 0.0, 1, inputs, correction)[-1]
        moved = eqx.tree_at(lambda c: c.gains, correction, correction.gains * shift)
        return jnp.sum(stepper(0.05, first, inputs, moved) ** 2)

    slopes = [float(jax.grad(f)(1.0)) for f in (last, of_last_step_alone)]
    assert (abs(slopes[0] - slopes[1]) < 1e-10 * abs(slopes[1])) == held


def test_steps_without_a_correction_are_those_of_the_simulation():
    simulator, inputs = FiniteVolumes(BURGERS, (8,)), declared_inputs(BURGERS)
    start = simulator.start(inputs)
    found = Stepper(simulator, 0.05, 2).rollout(start, 0.0, 4, inputs)
    expected = march(simulator, inputs, start, jnp.linspace(0, 0.2, 5), 2)[1:]
    assert np.asarray(found) == pytest.approx(np.asarray(expected), rel=1e-12)


@pytest.mark.parametrize(("periodic", "factor"), [(True, 2), (True, 3), (False, 4)])
def test_restriction_keeps_means_and_places(periodic, factor):
    fine, coarse = (Grid((0.0,), (1.0,), (n,), (periodic,)) for n in (24 * factor, 24))
    values = np.cos(2 * np.pi * fine.line(0))
    damped = np.sinc(1 / 24) * np.cos(2 * np.pi * coarse.line(0))  # the mean over a cell
    assert np.asarray(restricted(jnp.asarray(values), fine, factor)) == pytest.approx(damped, abs=2e-3)


def test_a_rate_is_not_added_to_spectral_steps():
    simulator, inputs = Spectral(BURGERS, (8,)), declared_inputs(BURGERS)
    with pytest.raises(FormUnavailable, match="correct the state"):
        Stepper(simulator, 0.05, 1)(0.0, simulator.start(inputs), inputs, network("rate"))
