"""Control of Burgers' equation, 100 cases of the kind in the Physics-based Deep Learning book.

Starts are two Gaussians that run into each other, targets are what a Gaussian force, constant in time, makes
of them (Holl, Koltun & Thuerey 2020; Thuerey et al. 2021). The book's reinforcement learning takes 1.30 times
the generating force, its network trained through the simulator 1.27 times.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import sympy as sp
from jax import Array

import pinnkit as pk
from pinnkit.driver.numerics import numerics
from pinnkit.forms import Jet
from pinnkit.simulate.control import Case, Shooting
from pinnkit.simulate.finite_volume import FiniteVolumes
from pinnkit.simulate.march import march
from pinnkit.simulate.policy import PolicyOptions, Steering
from pinnkit.simulate.shoot import shoot
from pinnkit.simulate.simulator import Inputs
from tests.benchmarks.tables import Gate

CASES, CELLS, STEPS, SUBSTEPS = 100, 32, 32, 4
_TRAINED, _ITERATIONS, _WEIGHT = 2_000, 3_000, 1e-4
_INTERVALS = 16
_EFFORT, _MISS = 1.05, 1e-4
_STARTS = {
    "left": (0.2, 0.4), "left_size": (0, 3), "left_width": (0.05, 0.15),
    "right": (0.6, 0.8), "right_size": (-3, 0), "right_width": (0.05, 0.15),
}  # fmt: skip
_FORCES = {"place": (0.4, 0.6), "size": (-1.6, 1.6), "width": (0.1, 0.4)}


def problem() -> pk.Problem:
    """u_t + u u_x = 0.003 u_xx + f on [0, 1] until 0.96, open ends, ∫∫ f² least."""
    x, t = pk.coordinates("x"), pk.time("t", 0, 0.96)
    u, f = pk.unknown("u", x, t), pk.unknown("f", x, t, infer=True)
    p: dict[str, Any] = {name: pk.parameter(name, sum(ends) / 2) for name, ends in _STARTS.items()}
    off = {side: (x - p[side]) / p[f"{side}_width"] for side in ("left", "right")}
    bumps = (p[f"{side}_size"] * sp.exp(-(place**2) / 2) for side, place in off.items())
    return pk.Problem(
        "burgers", pk.Interval(0, 1), [u.diff(t) + u * u.diff(x) - sp.Float(0.003) * u.diff(x, 2) - f],
        [pk.Initial(u, sp.Add(*bumps)), pk.Neumann(u, 0)],
        objective=pk.Objective(running=f**2, target={u: 0}, tolerance=_MISS),
    )  # fmt: skip


def drawn(simulator: FiniteVolumes, seed: int, count: int) -> tuple[Case, np.ndarray]:
    """Cases, and Σ|f| of the force that made each target, over cells and steps."""
    draw = np.random.default_rng(seed)
    starts, forces = (
        {name: draw.uniform(*ends, count) for name, ends in ranges.items()} for ranges in (_STARTS, _FORCES)
    )
    line = simulator.grid.line(0)
    off = (line - forces["place"][:, None]) / forces["width"][:, None]
    force = forces["size"][:, None] * np.exp(-(off**2) / 2)
    times = jnp.linspace(0, 0.96, STEPS + 1)
    parameters = {name: jnp.asarray(value) for name, value in starts.items()}

    def run(given: dict[str, Array], force: Array) -> tuple[Array, Array]:
        inputs = Inputs(given, {Jet("f", (0, 0)): force})
        start = simulator.start(inputs)
        return start, march(simulator, inputs, start, times, SUBSTEPS)[-1]

    start, end = jax.jit(jax.vmap(run))(parameters, jnp.asarray(force))
    return Case(start, end, parameters), STEPS * np.abs(force).sum(axis=1)


def gates() -> Iterator[Gate]:
    """Direct shooting."""
    with numerics():
        simulator = FiniteVolumes(problem(), (CELLS,))
        yield shooting(simulator, *drawn(simulator, 0, CASES))


def policies() -> Iterator[Gate]:
    """A policy of state and target."""
    with numerics():
        simulator = FiniteVolumes(problem(), (CELLS,))
        yield policy(simulator, *drawn(simulator, 0, CASES))


def shooting(simulator: FiniteVolumes, cases: Case, generating: np.ndarray) -> Gate:
    """Controls of every case by themselves."""
    must = f"‖f‖₁ ≤ {_EFFORT} × that of the generating force, miss ≤ {_MISS:.0e}"
    started = time.process_time()
    search = Shooting(simulator.problem, simulator, _INTERVALS, STEPS + 1, SUBSTEPS)
    found = shoot(search, cases)
    spent = time.process_time() - started
    controls = jax.vmap(lambda theta: search.controls(theta)["f"])(jnp.asarray(found.theta))
    weights = np.asarray(search.weights) / 0.96 * STEPS
    effort = float(np.einsum("k,ckx->", weights, np.abs(controls)) / generating.sum())
    return Gate(
        f"Burgers, control by shooting, {CASES} cases ({spent:.0f} CPU s)", must,
        f"{effort:.3f} ×; median miss {np.median(found.miss):.1e}, largest {found.miss.max():.1e}",
        effort <= _EFFORT and bool(found.miss.max() <= _MISS),
    )  # fmt: skip


def policy(simulator: FiniteVolumes, cases: Case, generating: np.ndarray) -> Gate:
    """A network that sees the state, and was trained on other cases."""
    started = time.process_time()
    steering = Steering(simulator, STEPS, SUBSTEPS)
    trained = steering.trained(drawn(simulator, 1, _TRAINED)[0], PolicyOptions(_ITERATIONS, effort=_WEIGHT))
    jax.block_until_ready(jax.tree.leaves(eqx.filter(trained, eqx.is_array)))
    spent = time.process_time() - started
    states, forces = jax.jit(jax.vmap(lambda case: steering.run(trained, case)))(cases)
    effort = float(np.abs(forces).sum() / generating.sum())
    off = np.linalg.norm(states[:, -1] - cases.target, axis=(1, 2))
    miss = off / np.linalg.norm(cases.target, axis=(1, 2))
    return Gate(
        f"Burgers, the same by a neural policy ({spent:.0f} CPU s to train)", "–",
        f"{effort:.3f} ×; median miss {np.median(miss):.1e}, largest {miss.max():.1e}", None,
    )  # fmt: skip
