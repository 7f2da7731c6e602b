"""What every contender measures: the equations, the network's weights and the points, and the stopwatch.

Runs in the peers' own environments: needs NumPy and JAX only.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

# Coordinates and unknowns of each case; those with a time have it last.
CASES = {
    "poisson_2d": (2, 1), "burgers": (2, 1), "kdv": (2, 1), "ks": (2, 1),
    "navier_stokes_2d": (2, 3), "poisson_10d": (10, 1),
}  # fmt: skip


def equations(case: str, u: Callable[..., Any], laplacian: Callable[[int], Any], x: Any) -> list[Any]:
    """Residuals; ``u(k, i, j, …)`` is ∂ᵢ∂ⱼ… of the k-th unknown, ``x`` the list of coordinates."""
    if case.startswith("poisson"):
        return [laplacian(0) + sum(c * c for c in x)]
    if case == "burgers":
        return [u(0, 1) + u(0) * u(0, 0) - 0.01 * u(0, 0, 0)]
    if case == "kdv":
        return [u(0, 1) + u(0) * u(0, 0) + 0.0025 * u(0, 0, 0, 0)]
    if case == "ks":
        return [u(0, 1) + u(0) * u(0, 0) + u(0, 0, 0) + u(0, 0, 0, 0, 0)]
    return [
        u(0) * u(0, 0) + u(1) * u(0, 1) + u(2, 0) - 0.01 * laplacian(0),
        u(0) * u(1, 0) + u(1) * u(1, 1) + u(2, 1) - 0.01 * laplacian(1),
        u(0, 0) + u(1, 1),
    ]


def layers(data: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """(weight (outputs, inputs), bias) of every layer."""
    count = sum(name.startswith("weight") for name in data)
    return [(data[f"weight_{k}"], data[f"bias_{k}"]) for k in range(count)]


def apply(parameters: Any, x: Any) -> Any:
    """The network at one point or many, (…, inputs): tanh between the layers."""
    import jax.numpy as jnp

    *hidden, (weight, bias) = parameters
    for w, b in hidden:
        x = jnp.tanh(x @ w.T + b)
    return x @ weight.T + bias


def seconds(function: Callable[[Any], Any], argument: Any, repeats: int) -> dict[str, float]:
    """Median wall and mean processor seconds of a compiled call."""
    import jax

    compiled = jax.jit(function)
    for _ in range(2):
        jax.block_until_ready(compiled(argument))
    walls, cpu = [], time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        jax.block_until_ready(compiled(argument))
        walls.append(time.perf_counter() - start)
    return {"wall": float(np.median(walls)), "cpu": (time.process_time() - cpu) / repeats}


def contend(packages: tuple[str, ...], pose: Callable[[str, Any], tuple[Any, ...]]) -> None:
    """Measure and write; ``pose(case, data)`` gives parameters, residual (n, m), loss, Jacobian or None."""
    import jax

    folder, name, repeats, *cases = sys.argv[1:]
    jax.config.update("jax_enable_x64", True)
    found: dict[str, Any] = {"versions": {p: version(p) for p in packages}}
    for case in cases:
        try:
            parameters, residual, loss, jacobian = pose(case, np.load(Path(folder, f"{case}.npz")))
            found[case] = {
                "residual": seconds(residual, parameters, int(repeats)),
                "gradient": seconds(jax.value_and_grad(loss), parameters, int(repeats)),
                "sample": np.asarray(residual(parameters), float)[:8].ravel().tolist(),
                "loss": float(loss(parameters)),
            }
            if jacobian is not None:
                found[case]["jacobian"] = seconds(jacobian, parameters, max(int(repeats) // 3, 3))
        except Exception as trouble:  # what a peer cannot do is told in the table
            found[case] = {"failure": f"{type(trouble).__name__}: {str(trouble).splitlines()[0][:120]}"}
        print(name, case, found[case], file=sys.stderr, flush=True)
    Path(folder, f"{name}.json").write_text(json.dumps(found))
