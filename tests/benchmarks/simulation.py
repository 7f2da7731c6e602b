"""Gates of differentiable simulation: forward runs, inversions, controls, corrections, cost of a gradient.

    python -m tests.benchmarks.simulation [--part PART …]

Prints a table; the exit code is 1 where a gate is missed. Forward runs are by the command line, each in a
process of its own from a cold cache.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence

from tests.benchmarks import (
    simulation_control,
    simulation_correction,
    simulation_flow,
    simulation_inverse,
    simulation_memory,
    simulation_start,
    simulation_steady,
)
from tests.benchmarks.acceptance import Case, measure
from tests.benchmarks.tables import VERDICT, Gate, circumstances, table

_LEAST = 1e-6  # what is asked where the reference is better still
_BARS = 10  # error bars of the reference that a simulation may be away
# Shallow water and Gray–Scott say in their files what else they need of the solver.
FORWARD = tuple(
    Case(name, _LEAST, 120, issue=7, solver=solver)
    for name, solver in {
        "burgers": "diffsim", "allen_cahn": "diffsim", "kdv": "diffsim", "kuramoto_sivashinsky": None,
        "heat": None, "wave": "diffsim", "wave2d": None, "gray_scott": None, "shallow_water": None,
    }.items()
)  # fmt: skip


def forward() -> Iterator[Gate]:
    """Every problem against its reference, unknown by unknown."""
    for case in FORWARD:
        run = measure(case, 0, case.error)
        allowed = {name: max(_LEAST, _BARS * (bar or 0.0)) for name, bar in run.bars.items()}
        reached = not run.failure and all(run.errors[name] <= allowed[name] for name in run.errors)
        must = f"≤ {min(allowed.values(), default=_LEAST):.1e}"
        yield Gate(f"{case.problem}, forward", must, run.failure or f"{run.worst():.1e}", reached)


PARTS: dict[str, Callable[[], Iterator[Gate]]] = {
    "forward": forward,
    "inverse": simulation_inverse.gates,
    "start": simulation_start.gates,
    "steady": simulation_steady.gates,
    "control": simulation_control.gates,
    "policy": simulation_control.policies,
    "correction": simulation_correction.gates,
    "flow": simulation_flow.gates,
    "memory": simulation_memory.gates,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", nargs="+", choices=list(PARTS), default=list(PARTS), help="which parts")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    lines, reached = [], True
    for part in chosen.part:
        for gate in PARTS[part]():
            print(f"{gate.name}: {gate.found} ({gate.must})", flush=True)
            lines.append([gate.name, gate.must, gate.found, VERDICT[gate.reached]])
            reached = reached and gate.reached is not False
    found = table(["Simulation", "Must", "Found", "Gate"], lines)
    print(f"\n{circumstances(package_versions())}\n\n{found}")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
