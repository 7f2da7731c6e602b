"""Gates of domain decomposition: errors of the zoo's problems by seed, and the time of a step by subdomains.

    python -m tests.benchmarks.decomposition [--case scales … steps] [--seeds 0 1 2]

Errors are those of the command line, each in a process of its own; the time is processor time, which rises
less than time by the clock with what else a machine does. The exit code is 1 where a gate is missed.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

import numpy as np

from tests.benchmarks.acceptance import Case, measure
from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

CASES = (
    Case("scales", 1e-4, 120, issue=6),
    Case("oscillator", 1e-3, 120, issue=6),
    Case("three_parts", 1e-4, 120, issue=6),
    Case("xpinn_poisson", 1e-4, 120, issue=6),
    Case("burgers_space_time", 1e-3, 300, issue=6),
    Case("burgers_parts", 1e-4, 300, issue=6),
    Case("darcy_interface", 1e-4, 60, issue=6),
)
# Their own best settings, beside the windows; a single network does not see the flux across a jump.
BESIDE = {
    "scales": ("pinn", "rfm"), "oscillator": ("pinn", "rfm"), "darcy_interface": ("pinn",),
}  # fmt: skip
HEADER = ["Case", "Solver", "Must", "Relative L2 by seed", "Seconds", "Gate"]
STEPS, GROWTH = "steps", 1.5
_COUNTS, _POINTS, _REPEATS = (2, 4, 8, 16), 4096, 10
_AT_ONCE, _RATE = 10, 1e-6


def rows(case: Case, seeds: Sequence[int]) -> list[tuple[list[str], bool]]:
    """The table's row of a case, with those of other solvers beside it, and whether its gate is reached."""
    found = []
    for solver in (None, *BESIDE.get(case.problem, ())):
        runs = [measure(Case(case.problem, case.error, case.seconds, solver=solver), s, case.error)
                for s in seeds]  # fmt: skip
        errors = [run.worst() for run in runs]
        passed = max(errors) <= case.error
        found.append(([
            case.problem, solver or "its own", f"{case.error:.0e}", " ".join(f"{e:.1e}" for e in errors),
            f"{max(run.process for run in runs):.0f}", VERDICT[passed if solver is None else None],
        ], passed or solver is not None))  # fmt: skip
        print(" ".join(found[-1][0]), flush=True)
    return found


def steps() -> tuple[list[str], bool]:
    """Processor time of a step by the gradient, the same points in ever more subdomains with equal networks.

    Ten steps at a time, as training takes them: between compiled calls memory may go back to the system, and
    the pages that come anew may cost as much as the step.
    """
    import equinox as eqx
    import jax
    import sympy as sp

    import pinnkit as pk
    from pinnkit.driver.numerics import precise
    from pinnkit.solvers import TrainedSolver, get
    from pinnkit.training import LeastSquares

    x, y = pk.coordinates("x y")
    u = pk.unknown("u", x, y)
    problem = pk.manufactured(
        "steps", pk.Rectangle((0, 0), (1, 1)), [-pk.laplacian(u) + u**3], {u: sp.sin(x) * y}, "dirichlet"
    )
    solver = get("fbpinn")
    assert isinstance(solver, TrainedSolver)

    @eqx.filter_jit
    def steps_of(posed: LeastSquares, theta: jax.Array) -> jax.Array:
        def descend(_: int, theta: jax.Array) -> jax.Array:
            return theta - _RATE * jax.grad(posed.loss)(theta)

        return jax.lax.fori_loop(0, _AT_ONCE, descend, theta)

    with precise():
        posed = [
            solver.build(problem, solver.options.model_validate({
                "subdomains": {"x": count, "y": count}, "points": {"interior": _POINTS, "pool": 1}
            }), 0).least_squares
            for count in _COUNTS
        ]  # fmt: skip
        for one in posed:
            jax.block_until_ready(steps_of(one, one.theta))
        seconds = np.zeros((_REPEATS, len(_COUNTS)))
        # in turn, and the least of each: what else the machine does disturbs all alike, and only upwards
        for round_ in seconds:
            for place, one in enumerate(posed):
                started = time.process_time()
                jax.block_until_ready(steps_of(one, one.theta))
                round_[place] = (time.process_time() - started) / _AT_ONCE
    taken = np.min(seconds, axis=0)
    found = ", ".join(f"{n * n}: {1e3 * s:.1f} ms" for n, s in zip(_COUNTS, taken, strict=True))
    passed = bool(taken[-1] <= GROWTH * taken[0])
    return [STEPS, "fbpinn", f"{GROWTH} times", found, f"{np.sum(seconds):.1f}", VERDICT[passed]], passed


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*(case.problem for case in CASES), STEPS]
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="which cases")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    found = [row for c in CASES if c.problem in chosen.case for row in rows(c, chosen.seeds)]
    if STEPS in chosen.case:
        found.append(steps())
    text = table(HEADER, [line for line, _ in found])
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{text}"
    print(f"\n{text}")
    if len(chosen.case) == len(names):
        write(ROOT / "docs" / "decomposition.md", text, "decomposition")
    return 0 if all(passed for _, passed in found) else 1


if __name__ == "__main__":
    sys.exit(main())
