"""Refined cells against uniform ones on the L: tests that a residual and an error take, as powers.

    python -m tests.benchmarks.refinement [--seeds 0 1 2]

Prints a table, which it keeps in docs/variational.md. The exit code is 1 where refining the cells that hold
most of the residual has no better rate, in its dual norm, than cutting all cells or raising all orders.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

# What is done to the cells that hold which part of the residual, and how often; all cells come first.
WAYS = {
    "all cells cut": ("h", 1.0, 3),
    "all orders raised": ("p", 1.0, 5),
    "cells cut": ("h", 0.8, 6),
    "cells cut or orders raised": ("hp", 0.8, 6),
}
SETTINGS = {
    "solver.name": "hp_vpinn", "solver.network.width": 20, "solver.cells.size": 1.0, "solver.tests.order": 2,
    "solver.optimizer": [{"ssbroyden": 600}],
}  # fmt: skip
HEADER = ["L-shape", "Cells", "Tests", "Residual", "Relative L2", "Residual's rate", "Error's rate", "Gate"]


def measured(by: str, share: float, rounds: int, seed: int) -> dict[str, np.ndarray]:
    """Cells, tests, residual and error after every round."""
    from pinnkit.driver import run

    given = {**SETTINGS, "solver.seed": seed, "solver.refine": {"by": by, "share": share, "rounds": rounds}}
    overrides = [(tuple(name.split(".")), value) for name, value in given.items()]
    with tempfile.TemporaryDirectory() as folder:
        path = ROOT / "problems" / "lshape.yaml"
        record = run(path, overrides=overrides, out=Path(folder) / "run", progress=False).solution.record
    found = {name: record.cells[f"rounds {name}"] for name in ("iteration", "cells", "tests", "estimate")}
    return {**found, "error": record.history["error_u"][found["iteration"].astype(int) - 1]}


def rate(tests: np.ndarray, values: np.ndarray) -> float:
    """The power −r of the number of tests that fits best."""
    return -float(np.polyfit(np.log(tests), np.log(values), 1)[0])


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where refinement by residuals has no better rate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    lines, uniform, reached = [], [], True
    for name, (by, share, rounds) in WAYS.items():
        runs = [measured(by, share, rounds, seed) for seed in chosen.seeds]
        tests, residual, error = (
            np.concatenate([run[key] for run in runs]) for key in ("tests", "estimate", "error")
        )
        found, better = rate(tests, residual), None
        if share == 1.0:
            uniform.append(found)
        else:
            better = found > max(uniform)
        reached = reached and better is not False
        spans = [
            " ".join(f"{run[key][0]:.{digits}}→{run[key][-1]:.{digits}}" for run in runs)
            for key, digits in (("cells", "0f"), ("tests", "0f"), ("estimate", "1e"), ("error", "1e"))
        ]
        lines.append([name, *spans, f"{found:.2f}", f"{rate(tests, error):.2f}", VERDICT[better]])
        print(" | ".join(lines[-1]), flush=True)
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{table(HEADER, lines)}"
    print(f"\n{text}")
    write(ROOT / "docs" / "variational.md", text, "refinement")
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
