"""Gates of the variational solvers, each case and seed by the command line in a process of its own.

    python -m tests.benchmarks.variational [--case steep_line …] [--seeds 0 1 2]

Prints a table, which it keeps in docs/variational.md if it has all cases. The exit code is 1 where a gate is
missed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tests.benchmarks.acceptance import Case, measure
from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

CASES = (
    Case("steep_line", 1.3e-3, 120, issue=5),
    Case("steep_plane", 1e-2, 180, issue=5),
    Case("sines_on_cells", 1e-4, 60, issue=5),
    Case("darcy", 2e-2, 120, issue=5),
)
# one seed; the published error is 6.4e-2 where the largest value is 0.91, the data are good to 2.5e-3
GEAR, _OWN = Case("gear", 6.4e-2, 1800, issue=5), Path(__file__).parent
FLUX, _FLUX, _STEP, _POINTS = "darcy_flux", 2e-2, 1e-3, 3000
HEADER = ["Case", "Must", "Within s", "Relative L2 by seed", "Relative maximum by seed", "Seconds", "Gate"]


def row(case: Case, seeds: Sequence[int], problems: Path = ROOT / "problems") -> tuple[list[str], bool]:
    """The table's row of a case, and whether every seed's largest error is below the gate, in time."""
    runs = [measure(case, seed, case.error, problems) for seed in seeds]
    largest = [max((run.largest or {}).values(), default=float("inf")) for run in runs]
    passed = max(largest) <= case.error and all(run.process <= case.seconds for run in runs)
    for run in runs:
        print(f"{case.problem}: {run.failure or run.worst()}", flush=True)
    return [
        case.problem, f"{case.error:.1e}", f"{case.seconds:.0f}",
        " ".join(f"{run.worst():.1e}" for run in runs), " ".join(f"{error:.1e}" for error in largest),
        f"{max(run.process for run in runs):.0f}", VERDICT[passed],
    ], passed  # fmt: skip


def gear_row(seed: int) -> tuple[list[str], bool]:
    """FastVPINNs' gear, its mesh and its finite elements' solution put beside the problem."""
    published = Path(os.environ["PINNKIT_CASES"], "data", "fastvpinns")
    with tempfile.TemporaryDirectory(prefix="pinnkit-gear-") as temporary:
        folder = Path(temporary)
        for name in (published / "gear.mesh", _OWN / "gear.yaml"):
            shutil.copy(name, folder)
        data = np.loadtxt(published / "fem_output_gear_forward_sin.csv", delimiter=",")[:, :3]
        np.savetxt(folder / "gear.csv", data, delimiter=",", header="x,y,u", comments="", fmt="%.17g")
        return row(GEAR, [seed], folder)


def flux_row(seeds: Sequence[int]) -> tuple[list[str], bool]:
    """The flux that ``pcnn`` solves for against −K∇u of finite elements, by central differences."""
    from pinnkit.declare import read
    from pinnkit.driver import run
    from pinnkit.reference import fem_reference

    path = ROOT / "problems" / "darcy.yaml"
    started = time.perf_counter()
    reference = fem_reference(read(path).problem, tolerance=1e-5)
    x = np.random.default_rng(0).uniform(_STEP, 1 - _STEP, (_POINTS, 2))
    steps = _STEP * np.eye(2)
    slopes = [(reference.evaluate(x + s)["u"] - reference.evaluate(x - s)["u"]) / (2 * _STEP) for s in steps]
    exact = -np.exp(np.sin(2 * np.pi * x[:, :1]) * np.cos(2 * np.pi * x[:, 1:])) * np.stack(slopes, axis=1)
    errors, largest = [], []
    for seed in seeds:
        solution = run(path, overrides=[(("solver", "seed"), seed)], progress=False).solution
        (found,) = solution.fluxes(x).values()
        errors.append(float(np.linalg.norm(found - exact) / np.linalg.norm(exact)))
        largest.append(float(np.abs(found - exact).max() / np.abs(exact).max()))
    passed = max(errors) <= _FLUX
    return [
        FLUX, f"{_FLUX:.1e}", "–",
        " ".join(f"{e:.1e}" for e in errors), " ".join(f"{e:.1e}" for e in largest),
        f"{time.perf_counter() - started:.0f}", VERDICT[passed],
    ], passed  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*(case.problem for case in CASES), GEAR.problem, FLUX]
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="which cases")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    rows = [row(case, chosen.seeds) for case in CASES if case.problem in chosen.case]
    if GEAR.problem in chosen.case:
        if "PINNKIT_CASES" in os.environ:
            rows.append(gear_row(chosen.seeds[0]))
        else:
            print(f"{GEAR.problem}: not measured, PINNKIT_CASES is not set")
    if FLUX in chosen.case:
        rows.append(flux_row(chosen.seeds))
    found = table(HEADER, [line for line, _ in rows])
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{found}"
    print(f"\n{text}")
    if len(rows) == len(names):
        write(ROOT / "docs" / "variational.md", text, "variational")
    return 0 if all(passed for _, passed in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
