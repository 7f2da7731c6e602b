"""What a problem gives on one, two and four devices, as the largest relative differences, in JSON.

A program of its own, since a process has the devices that it was started with:
XLA_FLAGS=--xla_force_host_platform_device_count=4 python -m tests.training.over_devices
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import equinox as eqx
import jax
import numpy as np
import sympy as sp
from jax.sharding import Mesh

import pinnkit as pk
from pinnkit.driver.numerics import precise
from pinnkit.solvers import TrainedSolver, get
from pinnkit.training import LeastSquares
from pinnkit.training.checkpoint import Stage
from pinnkit.training.first_order import Adam
from pinnkit.training.loop import Callbacks, train
from tests.training.problems import rod

STEPS = (Stage(Adam(), 10),)


def problem() -> LeastSquares:
    """Blocks of 21 and 2 points, which no number of devices here divides, the first in chunks of three."""
    posed = rod(nonlinear=1.0, points=21, pool=5)
    first, *rest = posed.blocks
    return LeastSquares(posed.fields, (replace(first, chunk=lambda fields: 3), *rest), linear=posed.linear)


def two_parts() -> LeastSquares:
    """Two networks and the interface between them, with points redrawn from a pool."""
    x = pk.coordinates("x")
    u = pk.unknown("u", x)
    declared = pk.manufactured(
        "parts", pk.Interval(0, 1), [-u.diff(x, 2) + u**3], {u: sp.sin(3 * x)}, "dirichlet"
    )
    solver = get("cpinn")
    assert isinstance(solver, TrainedSolver)
    given = {"points": {"interior": 30, "pool": 2}, "network": {"width": 4, "depth": 1}}
    return solver.build(declared, solver.options.model_validate(given), 0).least_squares


def steps(posed: LeastSquares, mesh: Mesh | None, **more) -> np.ndarray:
    """θ after ten steps, the points redrawn twice on the way."""
    done = train(posed, STEPS, seed=0, chunk=5, redraw_every=4, mesh=mesh, **more)
    return np.asarray(LeastSquares(done.fields, ()).theta)


@eqx.filter_jit
def few(posed: LeastSquares, theta: jax.Array) -> dict[str, object]:
    """Residual, loss and gradient."""
    return {"residual": posed.residual(theta), "gradient": jax.value_and_grad(posed.loss)(theta)}


@eqx.filter_jit
def others(posed: LeastSquares, theta: jax.Array) -> dict[str, object]:
    """What else optimisers, rules and redraws take from a problem."""
    return {
        "normal equations": posed.normal_equations(theta),
        "slopes of heads": posed.linearised(theta),
        "blocks": posed.block_losses(theta),
        "candidates": posed.values(posed.blocks[0], theta, posed.blocks[0].candidates),
    }


def differences(figures: Callable, posed: LeastSquares, mesh: Mesh) -> dict[str, float]:
    """Largest differences to one device, each relative to the largest entry."""
    shared = posed.over(mesh)
    alone, here = figures(posed, posed.theta), figures(shared, shared.theta)
    return {
        name: max(map(_distance, jax.tree.leaves(alone[name]), jax.tree.leaves(here[name]))) for name in alone
    }


def _distance(a: jax.Array, b: jax.Array) -> float:
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))) / np.max(np.abs(np.asarray(a))))


def resumed_elsewhere(posed: LeastSquares, before: Mesh | None, after: Mesh | None) -> np.ndarray:
    """θ after ten steps of which the first five were taken on other devices."""
    kept = []
    steps(posed, before, callbacks=Callbacks(save=lambda *state: kept.append(state), save_seconds=0))
    return steps(posed, after, resume=kept[0])


def main() -> None:
    """Print all differences."""
    with precise():
        posed, devices = problem(), np.array(jax.devices())
        meshes = {count: Mesh(devices[:count], ("points",)) for count in (2, 4)}
        found = {f"{k}, {n}": d for n, m in meshes.items() for k, d in differences(few, posed, m).items()}
        found |= differences(others, posed, meshes[4])
        alone = steps(posed, None)
        found |= {f"steps, {n}": _distance(alone, steps(posed, mesh)) for n, mesh in meshes.items()}
        found["2 to 4"] = _distance(alone, resumed_elsewhere(posed, meshes[2], meshes[4]))
        found |= {f"parts: {name}": d for name, d in differences(few, two_parts(), meshes[4]).items()}
        placed = posed.over(meshes[2]).blocks[0].pool
        found["pool on one device only"] = float(len(jax.tree.leaves(placed)[0].sharding.device_set) == 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
