"""Every gate: each case and seed solved by the command line in a process of its own, from a cold cache.

    python -m tests.benchmarks.acceptance [--case burgers … finite_elements …] [--seeds 0 1 2]

Prints tables; those of all cases are written into docs/benchmarks.md, those of the reference, which need no
seed, into docs/reference.md. The exit code is 1 where a gate is missed. With PINNKIT_CASES set, solutions are
also compared with the published data that lie there.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks import certificate, cross_checks, finite_elements, flows, mesh_files, solids
from tests.benchmarks.tables import ROOT, VERDICT, Gate, circumstances, table, write

# What is asked of the reference, by the part that measures it.
REFERENCE: dict[str, Callable[[], Iterator[Gate]]] = {
    "finite_elements": finite_elements.gates,
    "flows": flows.gates,
    "mesh_files": mesh_files.gates,
    "solids": solids.gates,
    "cross_checks": cross_checks.gates,
    "certificate": certificate.gates,
}


@dataclass(frozen=True)
class Case:
    """A problem of the zoo, the error it must reach, the seconds it may take, and the issue that asks for it.

    ``solver`` takes the place of the file's own, with its defaults. ``scored`` are the unknowns that count,
    all where none is named.
    """

    problem: str
    error: float
    seconds: float
    data: str | None = None
    issue: int = 2
    solver: str | None = None
    scored: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The problem, with the solver where that is not the file's own."""
        return f"{self.problem}:{self.solver}" if self.solver else self.problem


CASES = (
    Case("burgers", 1e-4, 60, "burgers_colehopf.npz"),
    Case("poisson_4holes", 1e-3, 120, "pinnacle/poisson1_cg_data.dat"),
    Case("poisson_boltzmann", 1e-3, 120, "pinnacle/poisson_boltzmann2d.dat"),
    Case("lshape", 1e-3, 120, "lshape_f1.npz"),
    Case("allen_cahn", 1e-4, 180, "allen_cahn_periodic.npz"),
    Case("wave", 1e-2, 180),
    Case("kovasznay", 1e-4, 120),
    Case("burgers", 1e-5, 60, "burgers_colehopf.npz", issue=4),
    Case("allen_cahn", 1e-4, 60, "allen_cahn_periodic.npz", issue=4),
    Case("wave", 1e-3, 60, issue=4),
    Case("wave", 1e-6, 60, issue=4, solver="rfm"),
    Case("kovasznay", 1e-6, 60, issue=4),
    Case("kdv", 1e-3, 60, issue=4),
    # the pressure is singular at the corners of the lid
    Case("cavity", 1e-2, 180, issue=4, scored=("u", "v")),
    Case("poisson_smooth", 1e-9, 60, issue=4),
    Case("poisson_smooth", 1e-7, 60, issue=4, solver="pinn"),
    Case("poisson_modes", 1e-9, 60, issue=4),
    Case("poisson_modes", 1e-7, 60, issue=4, solver="pinn"),
    Case("poisson_ball", 1e-4, 60, issue=4),
)


@dataclass(frozen=True)
class Figures:
    """What one run measured: figures by unknown, and seconds."""

    errors: dict[str, float]
    bars: dict[str, float | None]
    against_data: dict[str, float]
    trivial: dict[str, float]
    wall: float
    compile: float
    reference: float
    process: float
    failure: str = ""
    largest: dict[str, float] | None = None

    def worst(self, scored: Sequence[str] = ()) -> float:
        """The largest error over the unknowns that count."""
        counted = [error for name, error in self.errors.items() if not scored or name in scored]
        return max(counted, default=float("inf"))


def measure(case: Case, seed: int, tolerance: float, problems: Path = ROOT / "problems") -> Figures:
    """Solve a case of a folder with a seed in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory(prefix="pinnkit-acceptance-") as folder:
        out = Path(folder) / "run"
        environment = {**os.environ, "PINNKIT_CACHE": str(Path(folder) / "cache")}
        command = [
            sys.executable, "-m", "pinnkit", "solve", str(problems / f"{case.problem}.yaml"),
            "--seed", str(seed), "--out", str(out), "--quiet", "--set", f"validate.tolerance={tolerance}",
            *(["--solver", case.solver] if case.solver else []),
        ]  # fmt: skip
        started = time.perf_counter()
        outcome = subprocess.run(command, env=environment, capture_output=True, text=True)
        process = time.perf_counter() - started
        if not (out / "metrics.json").is_file():
            return Figures({}, {}, {}, {}, process, 0.0, 0.0, process, outcome.stderr.strip())
        metrics = json.loads((out / "metrics.json").read_text())
        return Figures(
            errors=_column(metrics, "relative_l2"),
            bars=_column(metrics, "reference_error"),
            trivial=_column(metrics, "trivial"),
            against_data=_against_data(case, out),
            **{key: metrics["timing"][key] for key in ("wall", "compile", "reference")},
            process=process,
            largest=_column(metrics, "relative_max"),
        )


def _column(metrics: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: entry[key] for name, entry in metrics["unknowns"].items()}


def _against_data(case: Case, out: Path) -> dict[str, float]:
    if case.data is None or "PINNKIT_CASES" not in os.environ:
        return {}
    from pinnkit.driver import judge

    comparison = judge(out, Path(os.environ["PINNKIT_CASES"], "data", case.data))
    return {field.name: field.relative_l2 for field in comparison.fields}


def rows(case: Case, runs: Sequence[Figures]) -> tuple[list[str], bool]:
    """The table's row of a case, over its seeds, and whether the gate was reached."""
    failed = [run.failure for run in runs if run.failure]
    worst = max(run.worst(case.scored) for run in runs)
    seconds = max(run.process for run in runs)
    passed = not failed and worst <= case.error and seconds <= case.seconds
    row = [
        case.name, str(case.issue), f"{case.error:.0e}", f"{case.seconds:.0f}",
        " ".join(f"{run.worst(case.scored):.1e}" for run in runs),
        _span(bar for run in runs for bar in run.bars.values() if bar is not None),
        _span(error for run in runs for error in run.against_data.values()),
        _span((score for run in runs for score in run.trivial.values()), smallest=True),
        f"{seconds:.0f}", f"{max(run.wall for run in runs):.0f}", f"{max(run.compile for run in runs):.0f}",
        f"{max(run.reference for run in runs):.0f}",
        VERDICT[passed],
    ]  # fmt: skip
    return row, passed


def _span(values: Iterable[float], smallest: bool = False) -> str:
    found = list(values)
    return f"{(min if smallest else max)(found):.1e}" if found else "–"


def solved(cases: Sequence[Case], seeds: Sequence[int]) -> tuple[str, bool]:
    """The table of solved cases, and whether every gate was reached.

    What several issues ask of one problem and solver is judged by the same runs.
    """
    lines: list[list[str]] = []
    reached = True
    known: dict[str, list[Figures]] = {}
    for case in cases:
        if case.name not in known:
            tolerance = min(other.error for other in cases if other.name == case.name)
            known[case.name] = []
            for seed in seeds:
                run = measure(case, seed, tolerance)
                known[case.name].append(run)
                took = f"{run.wall:.1f} s, {run.process:.1f} s with everything"
                what = run.failure or f"error {run.worst(case.scored):.2e}, {took}"
                print(f"{case.name}, seed {seed}: {what}", flush=True)
        line, passed = rows(case, known[case.name])
        lines.append(line)
        reached = reached and passed
    header = [
        "Case", "Issue", "Must", "Within s", "Relative L2 by seed", "Reference's error", "Against data",
        "Trivial", "Whole process s", "Solving s", "Compiling s", "Reference s", "Gate",
    ]  # fmt: skip
    return table(header, lines), reached


def judged(parts: Iterable[str]) -> tuple[str, bool]:
    """The table of the reference's gates, and whether every one was reached."""
    lines, reached = [], True
    for part in parts:
        for gate in REFERENCE[part]():
            print(f"{gate.name}: {gate.found} ({gate.must})", flush=True)
            lines.append([gate.name, gate.must, gate.found, VERDICT[gate.reached]])
            reached = reached and gate.reached is not False
    return table(["Reference", "Must", "Found", "Gate"], lines), reached


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*dict.fromkeys(case.name for case in CASES), *REFERENCE]
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="which cases and parts")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    versions, reached = package_versions(), True
    parts = [part for part in REFERENCE if part in chosen.case]
    cases = [case for case in CASES if case.name in chosen.case]
    if parts:
        found, reached = judged(parts)
        text = f"{circumstances(versions)}\n\n{found}"
        print(f"\n{text}\n")
        if len(parts) == len(REFERENCE):
            write(ROOT / "docs" / "reference.md", text)
    if cases:
        found, passed = solved(cases, chosen.seeds)
        text, reached = f"{circumstances(versions, chosen.seeds)}\n\n{found}", reached and passed
        print(f"\n{text}")
        if len(cases) == len(CASES):
            write(ROOT / "docs" / "benchmarks.md", text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
