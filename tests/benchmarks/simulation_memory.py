"""Memory and time of a gradient through 1,000 steps on 128² cells, each in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from tests.benchmarks.tables import ROOT, Gate

STEPS, CELLS = 1_000, 128
_MOST_MEMORY, _MOST_TIME = 2.0, 6.0  # GB at the peak, times the forward run
_RUNS = 3
_SIMULATORS = ("spectral", "finite_difference")


def gates() -> Iterator[Gate]:
    """One gate for fixed exponential steps, one for adaptive explicit ones."""
    for name in _SIMULATORS:
        command = [sys.executable, "-m", "tests.benchmarks.simulation_memory", name]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        ratio = found["gradient"] / found["forward"]
        yield Gate(
            f"one gradient, {found['steps']} steps of {CELLS}² cells, {name}",
            f"≤ {_MOST_MEMORY:.0f} GB, ≤ {_MOST_TIME:.0f} × forward",
            f"{found['memory']:.2f} GB, {ratio:.1f} × {found['forward']:.1f} s",
            found["memory"] <= _MOST_MEMORY and ratio <= _MOST_TIME,
        )  # fmt: skip


def measured(name: str) -> dict[str, float]:
    """CPU seconds of a forward run and of a gradient by the start, compiled, and the process's peak in GB."""
    import jax
    import jax.numpy as jnp
    import sympy as sp

    import pinnkit as pk
    from pinnkit.driver.numerics import numerics
    from pinnkit.simulate.choose import choose
    from pinnkit.simulate.integrate import TimeOptions, integrate
    from pinnkit.simulate.simulator import declared_inputs

    x, y = pk.coordinates("x y")
    t = pk.time("t", 0, 1)
    u = pk.unknown("u", x, y, t)
    problem = pk.Problem(
        "front", pk.Rectangle((0, 0), (1, 1)), [u.diff(t) + u * u.diff(x) - pk.laplacian(u) / 100],
        [pk.Initial(u, sp.sin(2 * sp.pi * x) * sp.cos(2 * sp.pi * y)), pk.Periodic(x), pk.Periodic(y)],
    )  # fmt: skip
    with numerics():
        _, make, _ = choose(problem, name)
        simulator, inputs = make(problem, (CELLS, CELLS)), declared_inputs(problem)
        # so long a time that explicit steps, which stability bounds, are as many
        end, options = (1.0, TimeOptions("etdrk", substeps=STEPS // 8)) if name == "spectral" else (
            2.3, TimeOptions("explicit", 1e-4, most=2 * STEPS)
        )  # fmt: skip
        times = jnp.linspace(0.0, end, 9)

        def functional(start):
            run = integrate(simulator, inputs, start, times, options)
            return jnp.mean(run.values[-1] ** 2), run.steps

        forward, start = jax.jit(functional), simulator.start(inputs)
        steps = int(forward(start)[1])
        seconds = {"forward": _seconds(lambda: forward(start)[0].block_until_ready())}
        gradient = jax.jit(jax.grad(lambda s: functional(s)[0]))
        gradient(start).block_until_ready()
        seconds["gradient"] = _seconds(lambda: gradient(start).block_until_ready())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {**seconds, "memory": peak, "steps": steps}


def _seconds(run: Callable[[], object]) -> float:
    """CPU seconds, the least of several runs: other work on the machine only adds to them."""
    found = []
    for _ in range(_RUNS):
        started = time.process_time()
        run()
        found.append(time.process_time() - started)
    return min(found)


if __name__ == "__main__":
    print(json.dumps(measured(sys.argv[1])))
