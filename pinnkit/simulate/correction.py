"""Learned corrections of coarse simulators: a local network that is added to steps or to rates."""

from __future__ import annotations

from functools import partial
from itertools import product
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from ..forms import FormUnavailable
from .march import runge_kutta
from .simulator import Inputs, Simulator
from .spectral import Spectral

Kind = Literal["state", "rate"]


class Correction(eqx.Module):
    """c(U) at every point, from the states within ``radius`` points of it (Um et al. 2020).

    Added to a state after each step, U⁺ = step(U) + Δt c(step(U)), or to the rate, ∂ₜU = rate(U) + c(U).
    ``sizes`` (states,) are those of the states, ``gains`` (states,) those of the correction.
    """

    network: eqx.nn.MLP
    sizes: Array
    gains: Array
    radius: int = eqx.field(static=True)
    kind: Kind = eqx.field(static=True)

    def __call__(self, simulator: Simulator, t: Any, values: Array, inputs: Inputs) -> Array:
        """c of states (states, *counts)."""
        dimension, counts = values.ndim - 1, values.shape[1:]
        shape = (len(values), *(1,) * dimension)
        wide = simulator.extended(values, t, inputs, self.radius) / self.sizes.reshape(shape)
        near = [
            wide[(slice(None), *(slice(k, k + n) for k, n in zip(shift, counts, strict=True)))]
            for shift in product(range(2 * self.radius + 1), repeat=dimension)
        ]
        found = jax.vmap(self.network)(jnp.concatenate(near).reshape(-1, values[0].size).T)
        return found.T.reshape(values.shape) * self.gains.reshape(shape)


class Stepper(eqx.Module):
    """Steps of length ``dt`` of a simulator, each of ``substeps``, with a correction or without.

    Raises ``FormUnavailable`` for staggered states, which a network of values at points would not suit.
    """

    simulator: Simulator = eqx.field(static=True)
    dt: float = eqx.field(static=True)
    substeps: int = eqx.field(static=True)

    def __check_init__(self) -> None:
        if self.simulator.staggered:
            raise FormUnavailable(
                f"corrections and policies for {self.simulator.problem.name!r}",
                reason="its velocities stand on the faces of cells",
                mend="find controls by direct shooting, or take equations that can be solved for ∂ₜ",
            )  # fmt: skip

    def __call__(self, t: Any, values: Array, inputs: Inputs, correction: Correction | None = None) -> Array:
        """The states after one step. Raises ``FormUnavailable`` for a rate added to spectral steps."""
        dt = self.dt / self.substeps
        added = correction is not None and correction.kind == "rate"
        if isinstance(self.simulator, Spectral):
            if added:
                raise FormUnavailable(
                    "a correction of the rate of a spectral simulation", mend="correct the state",
                    reason="its steps integrate the linear part exactly",
                )  # fmt: skip
            step = self.simulator.stepper(dt, inputs)
            values = self.simulator.with_time(values, t)
            values = jax.lax.fori_loop(0, self.substeps, lambda _, v: step(v), values)[:-1]
        else:
            term = partial(correction, self.simulator, inputs=inputs) if added else None

            def one(values: Array, k: Array) -> tuple[Array, None]:
                return runge_kutta(self.simulator, inputs, dt, t + k * dt, values, term), None

            values, _ = jax.lax.scan(one, values, jnp.arange(self.substeps))
        if correction is not None and correction.kind == "state":
            values = values + self.dt * correction(self.simulator, t + self.dt, values, inputs)
        return values

    def rollout(
        self, start: Array, t: Any, count: int, inputs: Inputs, correction: Correction | None = None,
        held: bool = False,
    ) -> Array:  # fmt: skip
        """The states after each of ``count`` steps, (count, states, *counts).

        With ``held`` no gradient passes from one step to the one before.
        """

        def one(values: Array, k: Array) -> tuple[Array, Array]:
            values = jax.lax.stop_gradient(values) if held else values
            values = self(t + k * self.dt, values, inputs, correction)
            return values, values

        return jax.lax.scan(one, start, jnp.arange(count))[1]
