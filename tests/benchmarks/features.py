"""Random features on smooth Poisson problems: error and seconds by their number, cold and once compiled.

    python -m tests.benchmarks.features [--features 200 300 500] [--seeds 0 1 2]

Each row is a process of its own with an empty cache that solves the problem twice. Seconds are those of
``pinnkit.driver.run``: reading, forms, points, training; without start-up, reference and report.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence

from tests.benchmarks.tables import ROOT, circumstances, table, write

CASES = ("poisson_smooth", "poisson_modes")
_RUN = """
import json, sys, time
import numpy as np
from pinnkit.driver import run
from pinnkit.forms import emit
path, features, seed = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
seconds = []
for _ in range(2):
    started = time.perf_counter()
    overrides = [(("solver", "name"), "rfm"), (("solver", "features"), features), (("solver", "seed"), seed)]
    solution = run(path, overrides=overrides, progress=False).solution
    seconds.append(time.perf_counter() - started)
points = np.random.default_rng(0).random((20_000, 2))
problem = solution.problem
exact = emit([problem.exact["u"]], problem.variables, np)(*points.T)[0]
error = np.linalg.norm(solution(points) - exact) / np.linalg.norm(exact)
print(json.dumps([error, *seconds]))
"""


def measured(case: str, features: int, seed: int) -> tuple[float, float, float]:
    """Relative L2 error, seconds of the first run and of the second."""
    path = str(ROOT / "problems" / f"{case}.yaml")
    with tempfile.TemporaryDirectory(prefix="pinnkit-features-") as cache:
        answer = subprocess.run(
            [sys.executable, "-c", _RUN, path, str(features), str(seed)], check=True, capture_output=True,
            text=True, env={**os.environ, "PINNKIT_CACHE": cache},
        )  # fmt: skip
    error, cold, warm = json.loads(answer.stdout.splitlines()[-1])
    return error, cold, warm


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; no gate is decided here."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--features", nargs="+", type=int, default=[200, 300, 500])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    lines = []
    for case in CASES:
        for features in chosen.features:
            errors, cold, warm = zip(*(measured(case, features, s) for s in chosen.seeds), strict=True)
            told = " ".join(f"{error:.1e}" for error in errors)
            lines.append([case, str(features), told, f"{max(cold):.1f}", f"{max(warm):.2f}"])
            print(" ".join(lines[-1]), flush=True)
    header = ["Case", "Features", "Relative L2 by seed", "First run s", "Once compiled s"]
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{table(header, lines)}"
    print(f"\n{text}")
    write(ROOT / "docs" / "benchmarks.md", text, "features")
    return 0


if __name__ == "__main__":
    sys.exit(main())
