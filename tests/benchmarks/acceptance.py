"""Every gate: each case and seed solved by the command line in a process of its own, from a cold cache.

    python -m tests.benchmarks.acceptance [--case burgers …] [--seeds 0 1 2]

Prints tables; those of all cases are written into docs/benchmarks.md. The exit code is 1 where a gate is
missed. With PINNKIT_CASES set, solutions are also compared with the published data that lie there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.finite_elements import gates

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "docs" / "benchmarks.md"
FEM = "finite_elements"
VERDICT = {True: "reached", False: "**missed**", None: "–"}
BEGIN, END = "<!-- acceptance: begin -->", "<!-- acceptance: end -->"


@dataclass(frozen=True)
class Case:
    """A problem of the zoo, the error it must reach for every unknown, and the seconds it may take."""

    problem: str
    error: float
    seconds: float
    data: str | None = None


CASES = (
    Case("burgers", 1e-4, 60, "burgers_colehopf.npz"),
    Case("poisson_4holes", 1e-3, 120, "pinnacle/poisson1_cg_data.dat"),
    Case("poisson_boltzmann", 1e-3, 120, "pinnacle/poisson_boltzmann2d.dat"),
    Case("lshape", 1e-3, 120, "lshape_f1.npz"),
    Case("allen_cahn", 1e-4, 180, "allen_cahn_periodic.npz"),
    Case("wave", 1e-2, 180),
    Case("kovasznay", 1e-4, 120),
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

    @property
    def worst(self) -> float:
        """The largest error over the unknowns."""
        return max(self.errors.values(), default=float("inf"))


def measure(case: Case, seed: int) -> Figures:
    """Solve a case with a seed in a fresh process with an empty cache."""
    with tempfile.TemporaryDirectory(prefix="pinnkit-acceptance-") as folder:
        out = Path(folder) / "run"
        environment = {**os.environ, "PINNKIT_CACHE": str(Path(folder) / "cache")}
        command = [
            sys.executable, "-m", "pinnkit", "solve", str(ROOT / "problems" / f"{case.problem}.yaml"),
            "--seed", str(seed), "--out", str(out), "--quiet", "--set", f"validate.tolerance={case.error}",
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
    worst = max(run.worst for run in runs)
    seconds = max(run.process for run in runs)
    passed = not failed and worst <= case.error and seconds <= case.seconds
    row = [
        case.problem, f"{case.error:.0e}", f"{case.seconds:.0f}",
        " ".join(f"{run.worst:.1e}" for run in runs),
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


def table(header: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table, its columns aligned."""
    cells = [list(header), *map(list, lines)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(header))]
    cells.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in cells
    )


def circumstances(versions: dict[str, str], seeds: Sequence[int]) -> str:
    """Machine, versions and date, in a sentence."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    listed = ", ".join(f"{name} {version}" for name, version in versions.items())
    date = datetime.now(UTC).date().isoformat()
    drawn = ", ".join(map(str, seeds))
    return f"{date}, seeds {drawn}, {platform.machine()}, {cores} cores, {_processor()}; {listed}."


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "processor unknown"


def write(text: str) -> None:
    """Put the text between the marks of docs/benchmarks.md."""
    whole = TABLE.read_text()
    before, rest = whole.split(BEGIN)
    after = rest.split(END)[1]
    TABLE.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, write; 1 where a gate is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    names = [*(case.problem for case in CASES), FEM]
    parser.add_argument("--case", nargs="+", choices=names, default=names, help="which cases")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2], help="which seeds")
    chosen = parser.parse_args(arguments)

    from pinnkit.solution import package_versions

    lines: list[list[str]] = []
    reached = True
    for case in CASES:
        if case.problem not in chosen.case:
            continue
        runs: list[Figures] = []
        for seed in chosen.seeds:
            run = measure(case, seed)
            runs.append(run)
            took = f"{run.wall:.1f} s, {run.process:.1f} s with everything"
            what = run.failure or f"error {run.worst:.2e}, {took}"
            print(f"{case.problem}, seed {seed}: {what}", flush=True)
        line, passed = rows(case, runs)
        lines.append(line)
        reached = reached and passed
    header = [
        "Case", "Must", "Within s", "Relative L2 by seed", "Reference's error", "Against data", "Trivial",
        "Whole process s", "Solving s", "Compiling s", "Reference s", "Gate",
    ]  # fmt: skip
    parts = [circumstances(package_versions(), chosen.seeds)]
    if lines:
        parts.append(table(header, lines))
    if FEM in chosen.case:
        found = list(gates())
        reached = reached and all(gate.reached is not False for gate in found)
        rows_of_fem = [[gate.name, gate.must, gate.found, VERDICT[gate.reached]] for gate in found]
        parts.append(table(["Finite elements", "Must", "Found", "Gate"], rows_of_fem))
    text = "\n\n".join(parts)
    print(f"\n{text}")
    if set(chosen.case) == set(names):
        write(text)
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
