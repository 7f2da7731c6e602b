"""A policy trained through the simulator brings unseen states nearer to their targets."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy as sp

import pinnkit as pk
from pinnkit.forms import FormUnavailable
from pinnkit.simulate.control import Case
from pinnkit.simulate.finite_difference import FiniteDifferences
from pinnkit.simulate.policy import PolicyOptions, Steering

x = pk.coordinates("x")
t = pk.time("t", 0, 0.5)
u, f, g = pk.unknown("u", x, t), pk.unknown("f", x, t, infer=True), pk.unknown("g", t, infer=True)


def heated(source, *ends):
    return pk.Problem(
        "heated", pk.Interval(0, 1), [u.diff(t) - u.diff(x, 2) / 20 - source],
        [pk.Initial(u, 0), *ends], objective=pk.Objective(running=(f if source else g) ** 2),
    )  # fmt: skip


def cases(simulator, seed, count):
    draw = np.random.default_rng(seed)
    line = simulator.grid.line(0)
    waves = np.stack([np.sin(np.pi * k * line) for k in (1, 2)])
    starts, targets = (draw.normal(size=(count, 2)) @ waves for _ in range(2))
    return Case(jnp.asarray(starts[:, None]), jnp.asarray(targets[:, None]), {})


def test_unseen_states_come_near_their_targets():
    simulator = FiniteDifferences(heated(f, pk.Dirichlet(u, 0)), (8,), 2)
    steering = Steering(simulator, 4, 2)
    options = PolicyOptions(iterations=400, rate=1e-2, batch=16, width=32, depth=1, effort=1e-4)
    policy = steering.trained(cases(simulator, 0, 64), options)
    unseen = cases(simulator, 1, 16)
    states, controls = jax.vmap(lambda case: steering.run(policy, case))(unseen)
    assert controls.shape == (16, 4, 1, 8)
    size = np.linalg.norm(unseen.target)
    assert np.linalg.norm(states[:, -1] - unseen.target) < 0.25 * size
    assert np.linalg.norm(unseen.start - unseen.target) > size


def test_controls_on_the_boundary_are_refused():
    simulator = FiniteDifferences(heated(sp.S.Zero, pk.Dirichlet(u, g)), (8,), 2)
    with pytest.raises(FormUnavailable, match="field of space"):
        Steering(simulator, 4, 2)
