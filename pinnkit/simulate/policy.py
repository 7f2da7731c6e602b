"""Neural policies: a network of state, target and time left gives the controls at every step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from ..forms import FormUnavailable, Jet
from .control import Case
from .correction import Stepper
from .simulator import Inputs, Simulator, needed_fields


class Policy(eqx.Module):
    """Controls on the grid (controls, *counts) from the states, their targets and the part of time left."""

    network: eqx.nn.MLP
    size: Array

    def __call__(self, values: Array, target: Array, left: Array) -> Array:
        """The controls of one step; of the scale that the states change by in a unit of time."""
        given = [values.ravel() / self.size, (target - values[: len(target)]).ravel() / self.size]
        found = self.network(jnp.concatenate([*given, jnp.atleast_1d(left)]))
        return self.size * found.reshape(-1, *values.shape[1:])


@dataclass(frozen=True)
class PolicyOptions:
    """``effort`` weighs the mean square of the controls against that of the miss, both relative."""

    iterations: int = 2000
    rate: float = 2e-3
    batch: int = 32
    width: int = 128
    depth: int = 2
    effort: float = 1e-3
    seed: int = 0


class Steering:
    """A simulator whose controls, fields of space, are set anew at each of ``steps`` steps."""

    def __init__(self, simulator: Simulator, steps: int, substeps: int):
        clock = simulator.problem.time
        assert clock is not None
        self.stepper = Stepper(simulator, (clock.end - clock.start) / steps, substeps)
        self.start, self.steps = clock.start, steps
        self.jets: tuple[Jet, ...] = needed_fields(simulator)
        fields = {f.func.__name__: f for f in simulator.problem.inferred}
        for jet in self.jets:
            if jet.order or not set(simulator.problem.coordinates) <= set(fields[jet.unknown].args):
                raise FormUnavailable(
                    f"a policy for {fields[jet.unknown]}", mend="let it be a force, f(x, t)",
                    reason="a control of a policy is a field of space that enters undifferentiated",
                )  # fmt: skip

    def run(self, policy: Policy, case: Case) -> tuple[Array, Array]:
        """The states after every step (steps, states, *counts), and the controls in it."""

        def one(values: Array, k: Array) -> tuple[Array, tuple[Array, Array]]:
            controls = policy(values, case.target, 1 - k / self.steps)
            inputs = Inputs(case.parameters, dict(zip(self.jets, controls, strict=True)))
            values = self.stepper(self.start + k * self.stepper.dt, values, inputs)
            return values, (values, controls)

        return jax.lax.scan(one, case.start, jnp.arange(self.steps))[1]

    def trained(self, cases: Case, options: PolicyOptions) -> Policy:
        """The policy that brings the states to their targets with little effort, by Adam through the steps.

        The cases are stacked; targets are of the first states.
        """
        points = int(np.prod(cases.start.shape[2:]))
        states, aims = cases.start.shape[1], cases.target.shape[1]
        key, drawn = jax.random.split(jax.random.key(options.seed))
        shape = (points * (states + aims) + 1, points * len(self.jets), options.width, options.depth)
        network = eqx.nn.MLP(*shape, jax.nn.gelu, key=key)
        size = jnp.sqrt(jnp.mean(cases.target**2))
        moving, fixed = eqx.partition(network, eqx.is_inexact_array)
        optimiser = optax.adam(optax.cosine_decay_schedule(options.rate, options.iterations))

        def loss(moving: Any, chosen: Case) -> Array:
            policy = Policy(eqx.combine(moving, fixed), size)
            found, controls = jax.vmap(lambda case: self.run(policy, case))(chosen)
            off = jnp.mean((found[:, -1, :aims] - chosen.target) ** 2)
            return (off + options.effort * jnp.mean(controls**2)) / size**2

        def step(carried: tuple[Any, Any], key: Array) -> tuple[tuple[Any, Any], Array]:
            moving, state = carried
            places = jax.random.randint(key, (options.batch,), 0, len(cases.start))
            value, slope = jax.value_and_grad(loss)(moving, jax.tree.map(lambda v: v[places], cases))
            updates, state = optimiser.update(slope, state)
            return (optax.apply_updates(moving, updates), state), value

        keys = jax.random.split(drawn, options.iterations)
        (moving, _), _ = jax.jit(lambda c: jax.lax.scan(step, c, keys))((moving, optimiser.init(moving)))
        return Policy(eqx.combine(moving, fixed), size)
