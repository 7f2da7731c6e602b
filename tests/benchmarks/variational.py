"""Gates of the variational solvers, each case and seed by the command line in a process of its own.

    python -m tests.benchmarks.variational [--case steep_line …] [--seeds 0 1 2]

Prints a table, which it keeps in docs/variational.md if it has all cases. The exit code is 1 where a gate is
missed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from tests.benchmarks.acceptance import Case, measure
from tests.benchmarks.tables import ROOT, VERDICT, circumstances, table, write

CASES = (
    Case("steep_line", 1.3e-3, 120, issue=5),
    Case("steep_plane", 1e-2, 180, issue=5),
    Case("sines_on_cells", 1e-4, 60, issue=5),
    Case("darcy", 2e-2, 120, issue=5),
)
HEADER = ["Case", "Must", "Within s", "Relative L2 by seed", "Relative maximum by seed", "Seconds", "Gate"]


def row(case: Case, seeds: Sequence[int]) -> tuple[list[str], bool]:
    """The table's row of a case, and whether every seed's largest error is below the gate, in time."""
    runs = [measure(case, seed, case.error) for seed in seeds]
    largest = [max((run.largest or {}).values(), default=float("inf")) for run in runs]
    passed = max(largest) <= case.error and all(run.process <= case.seconds for run in runs)
    for run in runs:
        print(f"{case.problem}: {run.failure or run.worst()}", flush=True)
    return [
        case.problem, f"{case.error:.1e}", f"{case.seconds:.0f}",
        " ".join(f"{run.worst():.1e}" for run in runs), " ".join(f"{error:.1e}" for error in largest),
        f"{max(run.process for run in runs):.0f}", VERDICT[passed],
    ], passed  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [case.problem for case in CASES]
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="which cases")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    rows = [row(case, chosen.seeds) for case in CASES if case.problem in chosen.case]
    found = table(HEADER, [line for line, _ in rows])
    text = f"{circumstances(package_versions(), chosen.seeds)}\n\n{found}"
    print(f"\n{text}")
    if len(rows) == len(CASES):
        write(ROOT / "docs" / "variational.md", text, "variational")
    return 0 if all(passed for _, passed in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
